"""What is heard while a teacher is asked: every stage, counts that end where the summary does, and what it costs."""

import pytest

from isothink import api
from isothink.run import asking_meter
from isothink.run.generation import write_pairs
from isothink.store.run_folder import RunFolder

from ..backends.chat_server import ChatServer
from .pair_study import PROMPTS, write_prompts, write_study


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Makes the pairs of a study in this process; returns what was heard, and the summary."""
    monkeypatch.setattr(asking_meter, "TELL_SECONDS", 0.0)

    def ask(name="first", prompts=PROMPTS, **parts):
        with ChatServer() as server:
            write_prompts(tmp_path, prompts)
            price = {"input_per_million": 1e6, "output_per_million": 2e6, "currency": "EUR"}
            settings = {"price": price, "architecture": "Qwen/Qwen3-0.6B"}
            study = api.load_pair_study(write_study(tmp_path, server.url, teacher=settings, **parts))
            heard = []
            beside = tmp_path / name
            beside.mkdir()
            summary = write_pairs(study, RunFolder(tmp_path / "run"), beside, progressed=heard.append)
            return heard, summary

    return ask


def test_counts_end_where_the_summary_does(asked):
    heard, summary = asked()
    stages = list(dict.fromkeys(progress.pairs.stage for progress in heard))
    assert stages == ["checking the toggle", "asking", "assembling"]
    shares = [progress.share for progress in heard]
    assert shares == sorted(shares) and shares[-1] == 1.0
    asking = [progress.pairs for progress in heard if progress.pairs.stage == "asking"][-1]
    assert (asking.answered, asking.planned, asking.pairs, asking.failed) == (80, 80, 40, 0)
    assert asking.requests == 80, "the probes' requests are paid too, and are not asked twice"
    read, written = (
        sum(getattr(side, name) for side in (summary.off, summary.on)) for name in ("prompt_tokens", "output_tokens")
    )
    assert asking.tokens == written
    assert (asking.cost, asking.currency) == (pytest.approx(read + 2 * written), "EUR")
    assert asking.flops == pytest.approx(summary.off.flops + summary.on.flops)
    last = heard[-1].pairs
    assert (last.stage, last.answered, last.pairs) == ("assembling", 80, summary.pairs)


def test_what_an_earlier_run_paid_for_is_answered_and_costs_nothing_now(asked):
    asked()
    more = [*PROMPTS, *(f"What is {number} times 3?" for number in range(10))]
    heard, _ = asked("second", more)
    asking = [progress for progress in heard if progress.pairs.stage == "asking"][-1]
    assert (asking.pairs.answered, asking.pairs.planned, asking.pairs.pairs, asking.pairs.requests) == (
        100,
        100,
        50,
        20,
    )
    assert asking.kept_share == pytest.approx(0.8)


def test_requests_that_fail_for_good_make_no_pair(asked):
    broken = 'What is 5 plus 5? server:{"fault": "status", "status": 500}'
    heard, summary = asked(prompts=[*PROMPTS, broken])
    asking = [progress.pairs for progress in heard if progress.pairs.stage == "asking"][-1]
    assert (asking.answered, asking.failed, asking.pairs) == (82, 2, 40)
    assert summary.off.failures + summary.on.failures <= 2
