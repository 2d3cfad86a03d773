"""The peak learning rates of arXiv:2509.22193 v2: chosen there for each size and format of the Qwen2.5 base models.

Chosen from 2e-5, 1e-5, 7e-6, 5e-6, 3e-6, 2e-6 and 1e-6. Read by plan/rates.py.
"""

from isothink.domain.training_settings import FormatRates

PUBLISHED_RATES = {
    "Qwen/Qwen2.5-0.5B": FormatRates(ift=1e-5, reasoning=2e-5),
    "Qwen/Qwen2.5-1.5B": FormatRates(ift=7e-6, reasoning=1e-5),
    "Qwen/Qwen2.5-3B": FormatRates(ift=5e-6, reasoning=7e-6),
    "Qwen/Qwen2.5-7B": FormatRates(ift=3e-6, reasoning=5e-6),
    "Qwen/Qwen2.5-14B": FormatRates(ift=1e-6, reasoning=3e-6),
}
"""By the Hub id of the base model; an instruction-tuned model is another student, for which nothing was published."""
