"""What a plan says in words."""

from dataclasses import replace

from small_lengths import lengths_of
from small_plans import plan_with


def test_what_long_pairs_took_is_said_for_every_arm():
    arms = ["ift", "reasoning", "sequential(0.5)"]
    lost = replace(
        lengths_of([40, 12]), dropped_pairs=13, dropped_ift_share=0.0625, dropped_trace_share=0.5, is_balanced=True
    )
    planned = plan_with(("arms", arms), ("training.max_tokens", 64), lengths=lost)
    assert planned.notes[0] == (
        "Too long: 13 pairs (20.0%) have a sequence of more than 64 tokens. They are in no arm, and with them go"
        " 6.2% of all IFT answer tokens (ift, sequential(0.5)) and 50.0% of all trace tokens (reasoning,"
        " sequential(0.5))."
    )
    planned = plan_with(("arms", ["reasoning"]), ("training.max_tokens", 64), lengths=lost)
    assert planned.notes[0].endswith("with them go 50.0% of all trace tokens (reasoning).")
    assert not any("Too long" in note for note in plan_with().notes)
