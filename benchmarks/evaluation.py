"""Speed of the answerer, and whether its answers are those of others.

    python benchmarks/evaluation.py                              against one `generate` call per prompt; one thread
    python benchmarks/evaluation.py --student 29k --rounds 5
    python benchmarks/evaluation.py --model FOLDER               against lm-eval's `hf` backend; all cores

With a model (`python scripts/small_student.py FOLDER` writes one): see lm_eval_comparison.py. Without: each student of
the quickstart study is first trained for a moment on reasoning answers, so that its answers vary and end; then both
answer the same held-out prompts greedily, in turn, with the study's cap on new tokens.
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from quickstart import Clock, Quickstart, Speed, load_quickstart, ratios, speed
from transformers import GenerationConfig

from isothink.backends.transformers_answerer import TransformersAnswerer
from isothink.backends.transformers_trainer import TransformersTrainer
from isothink.backends.words import WordsTokenizer
from isothink.benchmark.protocol import Answering, AnswerSettings, Ask
from isothink.domain.evaluation_settings import LocalAnswers
from isothink.domain.sample import Generation
from isothink.student.protocol import InitialStudent, TrainingTask


def train_briefly(quickstart: Quickstart, student: str, steps: int, folder: Path) -> None:
    """Leaves weights in `folder`."""
    task = TrainingTask(
        student=InitialStudent(config=quickstart.config(student), seed=0),
        state=None,
        optimizer=quickstart.study.training.optimizer,
        precision="float32",
        pad_id=WordsTokenizer().pad_id,
    )
    state = TransformersTrainer().open(task)
    for step in quickstart.steps(student, "reasoning", steps):
        state.step(step)
    state.save_student(folder)


def answer_in_batches(answerer: TransformersAnswerer, prompts: Sequence[str], cap: int) -> tuple[list[str], int]:
    """Texts, and how many tokens were generated."""
    found: dict[str, Generation] = {}
    asks = [Ask(key=str(number), prompt=prompt) for number, prompt in enumerate(prompts)]
    answerer.answer_all(asks, AnswerSettings(max_new_tokens=cap), found.__setitem__)
    return [found[ask.key].text for ask in asks], sum(answer.output_tokens for answer in found.values())


def answer_singly(answerer: TransformersAnswerer, prompts: Sequence[str], cap: int) -> tuple[list[str], int]:
    """The same model by one plain `generate` call per prompt."""
    tokenizer = answerer.tokenizer
    settings = GenerationConfig(
        max_new_tokens=cap, do_sample=False, eos_token_id=tokenizer.end_id, pad_token_id=tokenizer.pad_id
    )
    texts, tokens = [], 0
    for prompt in tokenizer.encode_prompts(prompts):
        ids = torch.tensor([prompt])
        with torch.inference_mode():
            output = answerer.model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)
        answer = output[0, len(prompt) :].tolist()
        texts.append(tokenizer.decode(answer))
        tokens += len(answer)
    return texts, tokens


def compare(answerer: TransformersAnswerer, prompts: Sequence[str], cap: int, rounds: int) -> None:
    """Lets both answer in turn, and prints."""
    ways = {"batched": answer_in_batches, "one by one": answer_singly}
    speeds: dict[str, list[Speed]] = {name: [] for name in ways}
    texts: dict[str, list[str]] = {}
    for way in ways.values():
        way(answerer, prompts[:8], cap)
    for _ in range(rounds):
        for name, way in ways.items():
            clock = Clock()
            clock.start()
            texts[name], tokens = way(answerer, prompts, cap)
            clock.stop()
            speeds[name].append(speed(tokens, clock))
    for name, runs in speeds.items():
        print(f"  {name:<10} {statistics.median(run.wall for run in runs):>8,.0f} tokens per second")
    print(f"  batched / one by one: {ratios(speeds['batched'], speeds['one by one'])}")
    same = sum(first == second for first, second in zip(texts["batched"], texts["one by one"], strict=True))
    print(f"  identical answers: {same} of {len(prompts)} ({same / len(prompts):.1%})")
    different = len(set(texts["batched"]))
    print(f"  {different} different texts; {tokens / len(prompts):.1f} tokens on average, cap {cap}", flush=True)


def measure_model(options: argparse.Namespace) -> None:
    """Against lm-eval."""
    import lm_eval_comparison

    batch_size = options.batch_size or 16
    contest = lm_eval_comparison.Contest(options.model, batch_size)
    print(f"batches of {batch_size}, {torch.get_num_threads()} threads, {contest.ours.device}")
    for scenario in lm_eval_comparison.scenarios(
        options.items, options.max_new_tokens, options.mixed_items, options.mixed_max_new_tokens
    ):
        lm_eval_comparison.compare(contest, scenario, options.rounds or 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", action="append", help="a student of the ladder; may be given several times")
    parser.add_argument("--steps", type=int, default=300, help="optimizer steps before the comparison")
    parser.add_argument("--rounds", type=int, help="3 by default, with a model 1")
    parser.add_argument("--batch-size", type=int, help="prompts to a batch; the study's by default")
    lm_eval = parser.add_argument_group("against lm-eval")
    lm_eval.add_argument("--model", type=Path, help="a folder with a chat model's weights and tokenizer")
    lm_eval.add_argument("--items", type=int, default=100, help="questions of GSM8K")
    lm_eval.add_argument("--max-new-tokens", type=int, default=128)
    lm_eval.add_argument("--mixed-items", type=int, default=32, help="prompts with long and short answers")
    lm_eval.add_argument("--mixed-max-new-tokens", type=int, default=512)
    options = parser.parse_args()
    if options.model is not None:
        measure_model(options)
        return
    torch.set_num_threads(1)
    quickstart = load_quickstart()
    evaluation = quickstart.study.evaluation
    batch_size = options.batch_size or evaluation.batch_size
    prompts = [item.prompt for item in quickstart.inputs.items]
    for student in options.student or quickstart.student_names():
        print(f"\n{student}, batches of {batch_size}, {len(prompts)} prompts")
        with TemporaryDirectory() as folder:
            train_briefly(quickstart, student, options.steps, Path(folder))
            answering = Answering(folder=Path(folder), names={}, batch_size=batch_size)
            answerer = TransformersAnswerer(LocalAnswers(backend="transformers"), answering, WordsTokenizer())
            compare(answerer, prompts, evaluation.max_new_tokens, options.rounds or 3)


if __name__ == "__main__":
    main()
