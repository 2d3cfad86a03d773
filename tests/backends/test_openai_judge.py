"""A jury of served judges that lie, stall, talk nonsense and die: what is decided, asked, kept and paid."""

import json
import threading
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="judges need the [generate] extra")

from isothink.backends import openai_addresses
from isothink.backends.openai_judge import TRIES_FOR_A_VERDICT
from isothink.benchmark.sample import Answered, score_generations
from isothink.compute.flops import inference_flops
from isothink.compute.registry import lookup
from isothink.domain.evaluation_settings import Evaluation, Jury
from isothink.domain.sample import Generation, Item
from isothink.errors import StepError, UsageError
from isothink.run.backends import Verification
from isothink.run.judging import judge_samples, open_jury

from .chat_server import ChatServer
from .test_openai_teacher import QUICK

CORRECT, INCORRECT = "It says so.\nVERDICT: CORRECT", "No.\nVERDICT: INCORRECT"


def replies(text, **script):
    return {"message": {"role": "assistant", "content": text}, **script}


class Judges:
    """Stubs that answer every prompt in one way; a context manager."""

    def __init__(self, *scripts):
        self.servers = [ChatServer(script=script) for script in scripts]

    def __enter__(self):
        for server in self.servers:
            server.start()
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.stop()

    def jury(self, judged="needed", requests=None, names="abcdefg", **changes):
        judges = [
            {"name": name, "base_urls": [server.url], "model": "judge", "requests": QUICK | (requests or {}), **changes}
            for name, server in zip(names, self.servers, strict=False)
        ]
        return Jury.model_validate({"judges": judges, "judged": judged})

    @property
    def asked(self):
        return [server.tally.requests for server in self.servers]


def item(number=0, answer_format="jury"):
    return Item(
        id=f"i{number}",
        benchmark="open",
        family="f",
        prompt=f"Question {number}?",
        reference="a river",
        answer_format=answer_format,
        cluster=f"i{number}",
    )


def generation(text="It is a river.", stop_reason="end", **changes):
    facts = {"prompt_tokens": 3, "output_tokens": 9, "trace_tokens": 0, **changes}
    return Generation(text=text, stop_reason=stop_reason, **facts)


def judged(jury, folder, texts=("It is a river.",), *, step="step", items=None, generations=None):
    generations = generations or [generation(text) for text in texts]
    items = items or [item(number) for number in range(len(generations))]
    answered = [
        Answered(item=each, repeat=0, generation=answer, inference_flops=0.0)
        for each, answer in zip(items, generations, strict=True)
    ]
    settings = Evaluation(tasks=("open",), items_per_task=1, max_new_tokens=8, jury=jury)
    opened = open_jury(settings, items)
    with Verification() as verification:
        samples = score_generations("cell", answered, verify=verification.verify)
    return judge_samples(opened, answered, samples, votes=folder, step=step)


@pytest.mark.parametrize(
    ("scripts", "score"),
    [
        ([CORRECT], 1.0),
        ([INCORRECT], 0.0),
        ([CORRECT, INCORRECT, CORRECT], 1.0),  # one lies
        ([INCORRECT, CORRECT, INCORRECT], 0.0),
        ([CORRECT, CORRECT, "As a language model I"], 1.0),  # one talks nonsense
        ([CORRECT, INCORRECT, "As a language model I"], None),
    ],
)
def test_the_majority_of_all_judges_decides(tmp_path, scripts, score):
    with Judges(*map(replies, scripts)) as judges:
        found = judged(judges.jury(), tmp_path)
    (sample,) = found.samples
    assert (sample.score, sample.scorer) == (score, "jury")
    votes = json.loads(sample.votes)
    assert [vote["judge"] for vote in votes] == list("abcdefg"[: len(scripts)])
    assert all((vote["verdict"] is None) == (vote["error"] is not None) for vote in votes)
    assert (sample.error is not None) == (score is None)
    if score is None:
        assert sample.error.startswith("no majority: 1 of 3 judges say correct, 1 incorrect; c: ")
        assert "As a language model I" in sample.error
        assert found.agreement.undecided == 1 and found.agreement.missing == (0, 0, 1)


def test_what_a_judge_is_shown(tmp_path):
    text = "<think> it looks like a lake </think> It is a river.\nVERDICT: CORRECT"
    with Judges(replies(INCORRECT)) as judges:
        (sample,) = judged(judges.jury(temperature=0.0, request={"top_a": 1}), tmp_path, [text]).samples
        body = judges.servers[0].requests[0].body
    (message,) = body["messages"]
    assert sample.score == 0.0
    assert "It is a river.\nVERDICT: CORRECT" in message["content"] and "Question 0?" in message["content"]
    assert "lake" not in message["content"] and "cell" not in message["content"]
    assert (body["temperature"], body["max_tokens"], body["top_a"], body["model"]) == (0, 1024, 1, "judge")


def test_answers_that_are_none_cost_nothing(tmp_path):
    answers = [
        generation("It is a ri", "length"),
        generation("<think> a river"),
        generation("<think> a river </think>  "),
        generation("", "failed", output_tokens=0, error="status 400"),
        generation(""),
    ]
    with Judges(replies(CORRECT)) as judges:
        found = judged(judges.jury(), tmp_path, generations=answers)
        assert judges.asked == [0]
    assert [sample.score for sample in found.samples] == [0.0, 0.0, 0.0, None, 0.0]
    assert [sample.error for sample in found.samples] == [None, None, None, "status 400", None]
    assert {(sample.scorer, sample.votes) for sample in found.samples} == {("jury", None)}
    assert (found.row.tokens, found.row.flops, found.agreement.answers) == (0, 0.0, 0)


def test_other_scorers_are_left_alone_unless_all_is_judged(tmp_path):
    items = [item(0), item(1, answer_format="exact")]
    answers = [generation("It is a river."), generation("a river")]
    with Judges(replies(INCORRECT)) as judges:
        needed = judged(judges.jury(), tmp_path / "needed", generations=answers, items=items)
        every = judged(judges.jury("all"), tmp_path / "all", generations=answers, items=items)
    assert [(sample.score, sample.scorer) for sample in needed.samples] == [(0.0, "jury"), (1.0, "exact")]
    assert [(sample.score, sample.scorer) for sample in every.samples] == [(0.0, "jury"), (0.0, "jury")]
    only = judged(None, tmp_path, generations=answers[1:], items=items[1:])
    assert (only.row, only.agreement, only.samples[0].score) == (None, None, 1.0)


def test_no_answer_is_judged_twice(tmp_path):
    texts = ["It is a river.", "It is a lake."]
    with Judges(*[replies(CORRECT)] * 3) as judges:
        first = judged(judges.jury(), tmp_path, texts)
        assert judges.asked == [2, 2, 2]
        again = judged(judges.jury(), tmp_path, texts)
        other = judged(judges.jury(), tmp_path, texts, step="another")
        more = judged(judges.jury(), tmp_path, [*texts, "It is a sea."], step="another")
        assert judges.asked == [3, 3, 3]
        renamed = judged(judges.jury(max_tokens=9), tmp_path, texts)
        assert judges.asked == [5, 5, 5] and renamed.row.tokens > 0
    assert again.row == first.row and again.samples == first.samples
    assert (other.row.tokens, other.row.flops, other.row.seconds) == (0, 0.0, 0.0)
    assert other.samples == first.samples
    assert 0 < more.row.tokens < first.row.tokens, "what another step asked for is its own"


def test_the_same_answer_in_one_evaluation_is_judged_once(tmp_path):
    items = [item(0), item(0), item(1)]
    with Judges(replies(CORRECT)) as judges:
        found = judged(judges.jury(), tmp_path, generations=[generation()] * 3, items=items)
        assert judges.asked == [2]
    assert [sample.score for sample in found.samples] == [1.0] * 3 and found.agreement.answers == 3


def test_an_interrupted_jury_goes_on(tmp_path, monkeypatch):
    """The second judge is out of reach: what the first said is kept and not asked again."""
    monkeypatch.setattr(openai_addresses, "FIRST_PATIENCE_SECONDS", 0.2)
    with Judges(replies(CORRECT), replies(CORRECT), replies(INCORRECT)) as judges:
        judges.servers[1].stop()
        with pytest.raises(StepError, match="the judge b could not be reached") as caught:
            judged(judges.jury(), tmp_path, ["a", "b"])
        assert "evaluation.jury.judges[1].base_urls" in caught.value.hint
        assert judges.asked == [2, 0, 0]
        judges.servers[1].start()
        found = judged(judges.jury(), tmp_path, ["a", "b"])
        assert judges.asked == [2, 2, 2]
    assert [sample.score for sample in found.samples] == [1.0, 1.0]
    assert found.row.tokens == sum(row["usage"][0][0] + row["usage"][0][1] for row in rows(tmp_path))


def test_a_judge_that_dies_and_returns_loses_what_was_in_flight_alone(tmp_path):
    texts = [f"answer {number}" for number in range(30)]
    with Judges(replies(CORRECT, delay=0.1)) as judges:
        server = judges.servers[0]
        timer = threading.Timer(0.15, lambda: (server.stop(), server.start()))
        timer.start()
        found = judged(judges.jury(), tmp_path, texts)
        timer.join()
        assert all(sample.score == 1.0 for sample in found.samples)
        assert judges.asked[0] <= 30 + QUICK["concurrency"]


def rows(folder):
    found = [
        json.loads(line) for path in sorted(Path(folder).rglob("*.jsonl")) for line in path.read_text().splitlines()
    ]
    return [row for row in found if "key" in row]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (replies("nonsense"), "gave no verdict: the last line of its reply is 'nonsense'"),
        (replies(""), "gave no verdict: the last line of its reply is ''"),
        (replies(CORRECT, choice={"finish_reason": "length"}), "its reply was cut off at 1024 tokens"),
        (replies(f"<think>\n{CORRECT}"), "gave no verdict"),
    ],
)
def test_nonsense_is_asked_for_again_and_then_missing(tmp_path, script, why):
    with Judges(script) as judges:
        (sample,) = judged(judges.jury(), tmp_path).samples
        assert judges.asked == [TRIES_FOR_A_VERDICT]
        (row,) = rows(tmp_path)
        assert len(row["usage"]) == TRIES_FOR_A_VERDICT, "every reply is paid for"
        again = judged(judges.jury(), tmp_path)
        assert judges.asked == [2 * TRIES_FOR_A_VERDICT], "another attempt asks again"
        kept = rows(tmp_path)[-1]["usage"]
        assert len(kept) == 2 * TRIES_FOR_A_VERDICT and again.row.tokens == sum(map(sum, kept)), "and pays for both"
        judged(judges.jury(), tmp_path, step="another")
        assert judges.asked == [3 * TRIES_FOR_A_VERDICT], "as does another evaluation, which pays for its own"
        assert len(rows(tmp_path)[-1]["usage"]) == TRIES_FOR_A_VERDICT
    assert sample.score is None and why in sample.error


def test_a_judge_that_was_repaired_is_asked_for_what_it_failed_on(tmp_path):
    texts = [f"answer {number}" for number in range(110)]
    with Judges({"fault": "status", "status": 500}) as judges:
        with pytest.raises(StepError, match="requests in a row failed") as caught:
            judged(judges.jury(), tmp_path, texts)
        assert "run the same command again, which goes on" in caught.value.hint
        judges.servers[0].settings.script = replies(CORRECT)
        found = judged(judges.jury(), tmp_path, texts)
    assert [sample.score for sample in found.samples] == [1.0] * len(texts)


def test_nonsense_at_first_is_a_vote_in_the_end(tmp_path):
    with Judges(replies(CORRECT, fault="not_json", times=1)) as judges:
        (sample,) = judged(judges.jury(), tmp_path).samples
        assert judges.asked == [2] and sample.score == 1.0


def test_a_judge_that_stalls_is_a_missing_vote(tmp_path):
    with Judges(replies(CORRECT), replies(CORRECT), {"fault": "hang"}) as judges:
        found = judged(judges.jury(requests={"timeout_seconds": 0.2, "attempts": 2}), tmp_path)
        assert judges.asked == [1, 1, 2]
    (sample,) = found.samples
    assert sample.score == 1.0
    assert "no whole reply within 0.2 s" in json.loads(sample.votes)[2]["error"]


def test_flops_are_known_where_every_judge_is(tmp_path):
    name = "Qwen/Qwen2.5-7B"
    with Judges(replies(CORRECT), replies(CORRECT), replies(INCORRECT)) as judges:
        known = judged(judges.jury(architecture=name), tmp_path / "known")
        unknown = judged(judges.jury(), tmp_path / "unknown")
        silent = judged(judges.jury(architecture=name), tmp_path / "silent", items=[item(8)])
    expected = sum(inference_flops(lookup(name), *row["usage"][0]) for row in rows(tmp_path / "known"))
    assert known.row.phase == "judging" and known.row.flops == pytest.approx(expected) and known.row.seconds > 0
    assert unknown.row.flops is None and unknown.row.tokens == known.row.tokens
    assert silent.row.flops == pytest.approx(known.row.flops)


def test_a_server_that_counts_nothing_leaves_flops_unknown(tmp_path):
    with Judges(replies(CORRECT, response={"usage": None})) as judges:
        row = judged(judges.jury(architecture="Qwen/Qwen2.5-7B"), tmp_path).row
    assert (row.tokens, row.flops) == (0, None)


def test_keys_come_before_any_answer_and_stand_in_no_file(tmp_path, monkeypatch):
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    echo = replies("sk-geheim-77 is the key", echo=True)
    with Judges(echo) as judges:
        jury = judges.jury(api_key_variable="JUDGE_KEY")
        with pytest.raises(UsageError, match=r"evaluation\.jury\.judges\[0\]\.api_key_variable: .*JUDGE_KEY"):
            judged(jury, tmp_path)
        assert judges.asked == [0]
        monkeypatch.setenv("JUDGE_KEY", "sk-geheim-77")
        (sample,) = judged(jury, tmp_path).samples
        assert judges.servers[0].requests[0].headers["authorization"] == "Bearer sk-geheim-77"
    assert "geheim" not in sample.model_dump_json()
    assert all("geheim" not in path.read_text() for path in tmp_path.rglob("*") if path.is_file())
