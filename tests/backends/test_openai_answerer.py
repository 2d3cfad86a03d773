"""Students served elsewhere: what is sent, what is made of what comes back, and that no other prompt is read."""

import json

import pytest

pytest.importorskip("aiohttp", reason="served students need the [generate] extra")
pytest.importorskip("tokenizers", reason="the tokenizer needs the [train] extra")

from isothink.backends import openai_addresses
from isothink.backends.openai_answerer import ServedAnswerer, seed_of
from isothink.backends.words import END, WordsTokenizer
from isothink.benchmark.protocol import Answering, AnswerSettings, Ask
from isothink.benchmark.sample import Answered, score_generations
from isothink.domain.evaluation_settings import Drawing, ServedAnswers
from isothink.domain.sample import Item
from isothink.errors import StepError, StudyError, UsageError
from isothink.plan.cells import answers_identity
from isothink.run.backends import Verification
from isothink.store.study_file import parse_study

from ..domain.study_example import valid_study
from .chat_server import ChatServer
from .test_openai_teacher import QUICK

NAMES = {"cell": "small-ift-1e9-seed0", "student": "small", "arm": "ift", "budget": "1e9", "seed": "0"}
TOKENIZER = WordsTokenizer()
SETTINGS = AnswerSettings(max_new_tokens=12)


def scripted(**script):
    return f"max 1 2 server:{json.dumps(script)}"


def build(*urls, tokenizer=TOKENIZER, folder=None, requests=None, **changes):
    settings = {"backend": "openai", "base_urls": list(urls), "requests": QUICK | (requests or {}), **changes}
    return ServedAnswerer(
        ServedAnswers.model_validate(settings), Answering(folder=folder, names=NAMES, batch_size=1), tokenizer
    )


def ids_of(words):
    return [TOKENIZER.token_id(word) for word in words.split()]


class Server:
    """A stub that finds the script of a prompt by its token ids, which differ by prompt in length."""

    def __init__(self, stub):
        self.stub = stub

    def answers(self, *prompts, settings=SETTINGS, **changes):
        """Of these prompts, after a good one that is the shortest, with which the server is tried."""
        asks = [Ask(key="first", prompt="1")]
        for number, prompt in enumerate(prompts):
            text = "1 " * (number + 2)
            self.stub.settings.texts[tuple(TOKENIZER.encode_prompts([text])[0])] = prompt
            asks.append(Ask(key=f"item-{number}", prompt=text))
        heard = {}

        def receive(key, answer):
            assert key not in heard
            heard[key] = answer

        build(self.stub.url, **changes).answer_all(asks, settings, receive)
        assert set(heard) == {ask.key for ask in asks}
        return [heard[ask.key] for ask in asks[1:]]

    @property
    def bodies(self):
        """Of all requests but the first, which finds out whether token ids are taken."""
        return [asked.body for asked in self.stub.requests[1:]]


@pytest.fixture
def server():
    with ChatServer() as stub:
        yield Server(stub)


def test_a_known_answer(server):
    (answer,) = server.answers("good")
    assert (answer.text, answer.stop_reason) == ("the answer is 4 .", "end")
    assert (answer.output_tokens, answer.trace_tokens, answer.error) == (6, 0, None)
    assert answer.prompt_tokens == len(TOKENIZER.encode_prompts(["1 1"])[0]) and answer.seconds > 0


def test_what_is_sent(server):
    server.answers("good", "good")
    probe, first = server.stub.requests[0].body, min(server.bodies, key=lambda body: len(body["prompt"]))
    assert {asked.path for asked in server.stub.requests} == {"/v1/completions"}
    assert first["prompt"] == TOKENIZER.encode_prompts(["1"])[0]
    assert first["model"] == NAMES["cell"]
    assert (first["temperature"], first["max_tokens"], "seed" in first, "stop" in first) == (0, 12, False, False)
    assert first["skip_special_tokens"] is False and first["preserved_tokens"] == ["<think>", "</think>"]
    assert (first["top_p"], first["top_k"], first["min_p"], first["repetition_penalty"]) == (1, -1, 0, 1)
    assert first["stop_token_ids"] == [TOKENIZER.end_id]
    assert (probe["prompt"], probe["max_tokens"]) == (first["prompt"], 1)


def test_drawn_answers_have_a_seed_of_their_own(server):
    drawing = Drawing(temperature=0.7, top_p=0.9, top_k=20)
    server.answers("good", "good", settings=AnswerSettings(max_new_tokens=12, sampling=drawing, seed=5))
    assert {(body["temperature"], body["top_p"], body["top_k"], body["min_p"]) for body in server.bodies} == {
        (0.7, 0.9, 20, 0)
    }
    assert {body["seed"] for body in server.bodies} == {seed_of(5, key) for key in ("first", "item-0", "item-1")}
    assert seed_of(5, "item-0") != seed_of(6, "item-0") and 0 <= seed_of(5, "item-0") < 2**31


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("{cell}", "small-ift-1e9-seed0"),
        ("{student}/{arm}/{budget}/{seed}", "small/ift/1e9/0"),
        ("fixed", "fixed"),
        ("{{{arm}}}", "{ift}"),
    ],
)
def test_the_name_of_the_served_model(server, model, name):
    server.answers("good", model=model)
    assert {body["model"] for body in server.bodies} == {name}


@pytest.mark.parametrize("model", ["{cel}", "{}", "{cell", "{0}", "{cell.__class__}", "{cell!r}", "{seed:>9}"])
def test_a_name_with_other_placeholders_is_refused_when_the_study_is_read(model):
    data = valid_study()
    data["evaluation"]["answerer"] = {"backend": "openai", "base_urls": ["http://127.0.0.1:1/v1"], "model": model}
    with pytest.raises(StudyError, match=r"evaluation\.answerer\.model: .*allowed in braces are \{cell\}, \{student\}"):
        parse_study(data, name="study.yaml")


def served_study(model):
    data = valid_study()
    data["seeds"] = {"default": 2}
    data["evaluation"]["answerer"] = {"backend": "openai", "base_urls": ["http://127.0.0.1:1/v1"], "model": model}
    return data


@pytest.mark.parametrize(
    ("model", "shared"),
    [("fixed", "student"), ("{student}", "arm"), ("{student}-{arm}-{budget}", "seed"), ("{arm}-{seed}", "student")],
)
def test_a_name_that_cells_share_is_refused(model, shared):
    with pytest.raises(StudyError, match=rf"answerer\.model: found .*, which calls the cells of \d {shared}s alike"):
        parse_study(served_study(model), name="study.yaml")


def test_other_names_are_other_answers():
    def identity(model):
        return answers_identity(parse_study(served_study(model), name="study.yaml"), "ift", "leaf")

    assert len({identity("{cell}"), identity("my-{cell}"), identity("{student}-{arm}-{budget}-{seed}")}) == 3


def test_ids_that_a_server_hands_over_are_decoded_and_counted_here(server):
    written = ids_of(f"<think> 1 2 </think> 3 {END}")
    answer, cut, few = server.answers(
        scripted(choice={"token_ids": written, "text": "what a server made of it"}, usage={"completion_tokens": 6}),
        scripted(choice={"token_ids": written[:2], "finish_reason": "length"}, usage={"completion_tokens": None}),
        scripted(choice={"token_ids": written}, usage={"completion_tokens": 3}),
    )
    assert few.output_tokens == 6, "a server that counts fewer than it hands over is wrong"
    assert (answer.text, answer.output_tokens, answer.trace_tokens) == ("<think> 1 2 </think> 3", 6, 4)
    assert (cut.text, cut.stop_reason, cut.output_tokens, cut.trace_tokens) == ("<think> 1", "length", 2, 2)


@pytest.mark.parametrize(
    ("text", "finish", "tokens", "kept", "trace"),
    [
        ("<think> 1 2 </think> 3", "stop", 6, "<think> 1 2 </think> 3", 4),
        (f"3{END}", "stop", 2, "3", 0),
        (f"3{END}", "length", 2, f"3{END}", 0),
        ("<think> 1 2", "length", 3, "<think> 1 2", 3),
        ("<think> 1 2", "length", 2, "<think> 1 2", 2),  # a server that counts fewer: the trace is never longer
        ("<think> 1 2", "stop", None, "<think> 1 2", 4),
        ("<think> 1 2", "stop", 0, "<think> 1 2", 4),  # a server that counts nothing: an answer is never free
        ("", "stop", None, "", 0),
        (" ".join("1" * 13), "length", None, " ".join("1" * 13), 0),  # cut off at 12, whatever it is encoded again
    ],
)
def test_texts_are_counted_here_where_there_are_no_ids(server, text, finish, tokens, kept, trace):
    choice = {"text": text, "finish_reason": finish}
    (answer,) = server.answers(scripted(choice=choice, usage={"completion_tokens": tokens}))
    assert (answer.text, answer.stop_reason) == (kept, "end" if finish == "stop" else "length")
    assert answer.output_tokens == (tokens or min(12, len(text.split()) + 1))
    assert answer.trace_tokens == trace <= answer.output_tokens


def test_a_request_that_keeps_failing_is_an_answer_that_could_not_be_had(server):
    tries = server.answers(
        scripted(fault="status", status=400, body={"error": {"message": "too long"}}),
        scripted(fault="reset"),
        scripted(fault="reset", times=2),
        scripted(choice={"finish_reason": None}),
        scripted(choice={"text": 4}),
    )
    assert [answer.stop_reason for answer in tries] == ["failed", "failed", "end", "failed", "failed"]
    assert tries[0].error == f"{server.stub.url} answered status 400: too long"
    for answer in (tries[0], tries[1], tries[3], tries[4]):
        assert answer.error and (answer.text, answer.output_tokens, answer.trace_tokens) == ("", 0, 0)


def test_a_failed_answer_has_no_score(server):
    (failed,) = server.answers(scripted(fault="status", status=400))
    facts = {"benchmark": "b", "family": "f", "prompt": "1?", "reference": "1", "cluster": "i"}
    item = Item(id="i", answer_format="exact", **facts)
    answered = Answered(item=item, repeat=0, generation=failed, inference_flops=0.0)
    with Verification() as verification:
        (sample,) = score_generations("cell", [answered], verify=verification.verify)
    assert (sample.score, sample.stop_reason) == (None, "failed") and "status 400" in sample.error


def test_a_server_without_token_ids_is_refused_before_anything_is_answered():
    with ChatServer(takes_token_ids=False) as stub:
        with pytest.raises(StepError, match=r"token ids: .*status 422: prompt: expected a string") as caught:
            Server(stub).answers("good", "good")
        assert "vLLM and llama.cpp" in caught.value.hint and stub.tally.requests == 1


@pytest.mark.parametrize(
    "script", [{"usage": {"prompt_tokens": 99}}, {"choice": {"prompt_token_ids": [1, 2, 3]}}], ids=["count", "ids"]
)
def test_a_server_that_reads_another_prompt_is_refused(server, script):
    with pytest.raises(StepError, match="allowed are exactly the"):
        server.answers("good", scripted(**script))


def test_a_server_that_exceeds_the_cap_is_refused(server):
    with pytest.raises(StepError, match="found an answer of 13 tokens, allowed are 12"):
        server.answers("good", scripted(usage={"completion_tokens": 13}))


def test_a_server_out_of_reach_ends_the_work(monkeypatch):
    monkeypatch.setattr(openai_addresses, "FIRST_PATIENCE_SECONDS", 0.2)
    with ChatServer() as stub:
        pass
    with pytest.raises(StepError, match="the server of the students could not be reached") as caught:
        Server(stub).answers("good")
    assert "evaluation.answerer.base_urls" in caught.value.hint


def test_the_key_is_sent_and_struck_out(server, monkeypatch):
    monkeypatch.delenv("STUDENT_KEY", raising=False)
    with pytest.raises(UsageError, match=r"evaluation\.answerer\.api_key_variable: .*STUDENT_KEY is not set"):
        server.answers("good", api_key_variable="STUDENT_KEY")
    monkeypatch.setenv("STUDENT_KEY", "sk-geheim-42")
    echoed, failed = server.answers(
        scripted(choice={"text": "it is sk-geheim-42"}),
        scripted(fault="status", status=400, body="no sk-geheim-42"),
        api_key_variable="STUDENT_KEY",
    )
    assert server.stub.requests[-1].headers["authorization"] == "Bearer sk-geheim-42"
    assert "geheim" not in f"{echoed}{failed}"


def test_nothing_to_answer_asks_nothing(server):
    build(server.stub.url).answer_all([], SETTINGS, print)
    assert server.stub.tally.requests == 0
