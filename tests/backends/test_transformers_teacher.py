"""The in-process teacher: it conforms, batches change nothing, counts are exact, and what is missing is one line."""

import shutil

import pytest

torch = pytest.importorskip("torch", reason="needs the [train] extra")
transformers = pytest.importorskip("transformers", reason="needs the [train] extra")

from isothink.backends.transformers_teacher import LocalTeacher  # noqa: E402
from isothink.compute.registry import lookup  # noqa: E402
from isothink.domain.reply import Failure, Reply  # noqa: E402
from isothink.domain.teacher_settings import TransformersTeacher  # noqa: E402
from isothink.errors import UsageError  # noqa: E402
from isothink.teacher.protocol import Question  # noqa: E402
from isothink.teacher.reading import read_reply  # noqa: E402

from ..teacher.conformance import TeacherConformance, ask  # noqa: E402
from .small_chat_model import SHAPE, TEMPLATE, WORDS, build, build_tokenizer  # noqa: E402

PROMPTS = ["red green", "blue", "white grey black", "green white", "grey red blue", "black"]
OFF = {"request": {"chat_template_kwargs": {"enable_thinking": False}}}
ON = {"request": {"chat_template_kwargs": {"enable_thinking": True}}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("models") / "repeater")


def settings(folder, **changes):
    given = {"off": OFF, "on": ON, "sampling": {"temperature": 0.0, "max_tokens": 12}, "batch_size": 4, **changes}
    return TransformersTeacher.model_validate({"backend": "transformers", "model": str(folder), **given})


def sampled(**changes):
    return {"temperature": 1.5, "top_p": 1.0, "max_tokens": 12, "seed": 1, **changes}


def copy_of(folder, tmp_path, without=()):
    other = tmp_path / "copy"
    shutil.copytree(folder, other, ignore=lambda _, names: [name for name in names if name in without])
    return other


class TestLocalTeacher(TeacherConformance):
    @pytest.fixture
    def teacher(self, folder):
        return LocalTeacher(settings(folder))

    @pytest.fixture
    def prompts(self):
        return PROMPTS


@pytest.mark.parametrize(
    "sampling", [{"temperature": 0.0, "max_tokens": 12}, sampled(), sampled(top_k=5, top_p=0.9, min_p=0.01)]
)
def test_neither_batches_nor_order_change_a_reply(folder, sampling):
    def texts(batch_size, step):
        teacher = LocalTeacher(settings(folder, sampling=sampling, batch_size=batch_size))
        questions = [
            Question(key=f"{prompt} {mode}", prompt=prompt, mode=mode) for prompt in PROMPTS for mode in ("off", "on")
        ]
        replies = {}
        teacher.answer_all(questions[::step], lambda question, reply: replies.update({question.key: reply.message}))
        return replies

    single = texts(1, 1)
    assert len(set(single.values())) > len(PROMPTS) / 2, "the replies do not vary: the test shows nothing"
    assert texts(1, 1) == single
    assert texts(4, 1) == single
    assert texts(5, -1) == single


def test_another_seed_draws_other_replies_and_the_same_seed_the_same(folder):
    def texts(seed):
        teacher = LocalTeacher(settings(folder, sampling=sampled(seed=seed)))
        return {asked: reply.message for asked, reply in ask(teacher, PROMPTS).items()}

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_replies_are_what_the_model_was_taught(folder):
    for (prompt, mode), reply in ask(LocalTeacher(settings(folder)), PROMPTS).items():
        reading = read_reply(reply, mode)
        last = prompt.split()[-1]
        assert (reading.answer, reading.trace) == (last, prompt if mode == "on" else "")
        assert reading.think_state == ("closed" if mode == "on" else "none")


def test_tokens_are_counted_with_the_end_token_and_without_what_fills_a_batch(folder):
    replies = ask(LocalTeacher(settings(folder, sampling=sampled(max_tokens=3), batch_size=12)), PROMPTS)
    assert {reply.finish for reply in replies.values()} == {"end", "length"}, "the test needs both"
    for (prompt, mode), reply in replies.items():
        assert reply.prompt_tokens == len(prompt.split()) + (3 if mode == "on" else 4)
        assert reply.output_tokens == len(reply.message.split())
        assert reply.message.endswith("<end>") == (reply.finish == "end")
        assert reply.finish == "end" or reply.output_tokens == reply.max_tokens == 3
        assert reply.finish_reason == {"end": "stop", "length": "length"}[reply.finish]


def test_the_reply_holds_its_think_tags_and_not_the_end(folder):
    replies = ask(LocalTeacher(settings(folder)), ["red green"])
    assert replies["red green", "on"].content == "<think>red green </think> green"
    assert replies["red green", "on"].message == "red green </think> green <end>"
    assert replies["red green", "off"].content == "green"
    assert replies["red green", "off"].message == "green <end>"


def test_a_cap_inside_the_trace_leaves_it_open(folder):
    replies = ask(LocalTeacher(settings(folder)), ["red green blue"], max_tokens=2)
    reply = replies["red green blue", "on"]
    assert (reply.finish, reply.output_tokens, reply.max_tokens) == ("length", 2, 2)
    reading = read_reply(reply, "on")
    assert (reading.think_state, reading.trace, reading.answer) == ("unclosed", "red green", "")


def test_each_question_has_its_own_cap(folder):
    teacher = LocalTeacher(settings(folder, batch_size=8))
    counts = {}
    questions = [Question(key=str(cap), prompt="red green blue", mode="on", max_tokens=cap) for cap in (1, 3, 9)]
    teacher.answer_all(questions, lambda question, reply: counts.update({question.key: reply.output_tokens}))
    assert counts == {"1": 1, "3": 3, "9": 6}


def test_modes_that_are_sampled_differently_never_share_a_batch(folder):
    greedy = ask(LocalTeacher(settings(folder)), PROMPTS)
    teacher = LocalTeacher(settings(folder, on={**ON, "sampling": {"temperature": 3.0}}, batch_size=12))
    mixed = ask(teacher, PROMPTS)
    assert all(mixed[prompt, "off"].message == greedy[prompt, "off"].message for prompt in PROMPTS)
    assert any(mixed[prompt, "on"].message != greedy[prompt, "on"].message for prompt in PROMPTS)


def test_questions_are_read_a_batch_at_a_time(folder):
    teacher = LocalTeacher(settings(folder, batch_size=3))
    events = []

    def questions():
        for number in range(7):
            events.append("read")
            yield Question(key=str(number), prompt="red", mode="off")

    teacher.answer_all(questions(), lambda question, reply: events.append("answered"))
    assert events == (["read"] * 3 + ["answered"] * 3) * 2 + ["read", "answered"]


def test_the_two_modes_differ_in_the_toggle_alone(folder):
    teacher = LocalTeacher(settings(folder))
    off, on = (teacher.render(Question(key="k", prompt="red", mode=mode, max_tokens=9)) for mode in ("off", "on"))
    assert off.pop("text") == "<user> red <assistant> <think> </think>"
    assert on.pop("text") == "<user> red <assistant> <think>"
    assert off == on
    assert (off["temperature"], off["max_tokens"]) == (0.0, 9)


def test_a_system_message_and_a_suffix_can_be_the_toggle(folder):
    teacher = LocalTeacher(settings(folder, off={"prompt_suffix": " grey"}, on={"system": "black"}))
    texts = [teacher.render(Question(key="k", prompt="red", mode=mode))["text"] for mode in ("off", "on")]
    assert texts == [
        "<user> red grey <assistant> <think> </think>",
        "<system> black <user> red <assistant> <think> </think>",
    ]


def test_a_chat_template_of_ones_own_replaces_the_models(folder, tmp_path):
    template = tmp_path / "own.jinja"
    template.write_text("<user> {{ messages[-1].content }} {{ word }} <assistant> <think>")
    words = {name: {"request": {"chat_template_kwargs": {"word": name}}} for name in ("off", "on")}
    teacher = LocalTeacher(settings(folder, chat_template=str(template), **words))
    assert teacher.render(Question(key="k", prompt="red", mode="on"))["text"] == "<user> red on <assistant> <think>"


def test_its_shape_and_name_are_the_models(folder, tmp_path):
    teacher = LocalTeacher(settings(folder))
    assert teacher.name == "repeater", "the folder's name, and not where it lies"
    assert teacher.architecture.model_copy(update={"name": ""}) == lookup(str(folder)).model_copy(update={"name": ""})
    assert (teacher.architecture.layers, teacher.architecture.hidden_size) == (2, SHAPE["hidden_size"])
    odd = copy_of(folder, tmp_path)
    config = transformers.AutoConfig.for_model("gpt2", vocab_size=16, n_embd=16, n_layer=1, n_head=2)
    config.save_pretrained(odd)
    assert LocalTeacher(settings(odd)).architecture is None


def test_the_models_own_sampling_settings_are_not_mixed_in(folder, tmp_path):
    other = copy_of(folder, tmp_path)
    transformers.GenerationConfig(
        eos_token_id=[4], pad_token_id=0, repetition_penalty=50.0, min_new_tokens=9, suppress_tokens=[8]
    ).save_pretrained(other)
    first = ask(LocalTeacher(settings(folder)), PROMPTS)
    second = ask(LocalTeacher(settings(other)), PROMPTS)
    assert {key: reply.message for key, reply in first.items()} == {key: reply.message for key, reply in second.items()}


def test_every_end_token_of_the_model_ends_a_reply(folder, tmp_path):
    other = copy_of(folder, tmp_path)
    blue = build_tokenizer().convert_tokens_to_ids("blue")
    transformers.GenerationConfig(eos_token_id=[4, blue], pad_token_id=0).save_pretrained(other)
    reply = ask(LocalTeacher(settings(other)), ["red blue green"], modes=["on"])["red blue green", "on"]
    assert (reply.message, reply.content, reply.finish) == ("red blue", "<think>red", "end")


class Limited:
    """Stands before `generate` and fails for batches over a size, or with a word in a prompt."""

    def __init__(self, model, fails):
        self.inner, self.fails, self.sizes = model.generate, fails, []
        model.generate = self

    def __call__(self, ids, **others):
        self.sizes.append(len(ids))
        error = self.fails(ids)
        if error is not None:
            raise error
        return self.inner(ids, **others)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 123 bytes."),
        MemoryError(),
    ],
)
def test_a_batch_that_does_not_fit_is_halved_and_batches_stay_small(folder, error):
    teacher = LocalTeacher(settings(folder, batch_size=8))
    limited = Limited(teacher._model.weights, lambda ids: error if len(ids) > 3 else None)
    replies = ask(teacher, PROMPTS)
    assert limited.sizes == [8, 4, 2, 2, 4, 2, 2, 2, 2]
    assert {key: reply.message for key, reply in replies.items()} == {
        key: reply.message for key, reply in ask(LocalTeacher(settings(folder)), PROMPTS).items()
    }
    assert {reply.attempts for reply in replies.values()} == {1, 3}


def test_one_question_that_fails_takes_no_other_with_it(folder):
    teacher = LocalTeacher(settings(folder, batch_size=4))
    red = build_tokenizer().convert_tokens_to_ids("red")
    limited = Limited(
        teacher._model.weights, lambda ids: RuntimeError("no\nsuch") if bool((ids == red).any()) else None
    )
    replies = ask(teacher, ["blue", "red", "green", "white", "black", "grey", "blue blue", "grey grey"], modes=["on"])
    assert replies["red", "on"] == Failure(error="RuntimeError: no", attempts=3)
    assert all(isinstance(reply, Reply) for (prompt, _), reply in replies.items() if prompt != "red")
    assert limited.sizes == [4, 2, 1, 1, 2, 4], "what is no lack of memory leaves later batches as large as they were"


def test_a_prompt_beyond_the_models_context_fails_and_a_cap_beyond_it_is_lowered(folder):
    teacher = LocalTeacher(settings(folder, sampling={"temperature": 0.0, "max_tokens": 1000}))
    long, fitting = " ".join(WORDS * 11), " ".join(["red"] * 57)
    replies = ask(teacher, [long, fitting], modes=["on"])
    assert replies[long, "on"] == Failure(error="the prompt has 69 tokens, the model takes 64", attempts=1)
    assert replies[fitting, "on"].max_tokens == 64 - 60
    assert replies[fitting, "on"].output_tokens <= 4


def test_a_template_that_refuses_a_question_is_its_failure(folder, tmp_path):
    template = tmp_path / "own.jinja"
    template.write_text(
        "{% if 'red' in messages[0].content %}{{ raise_exception('no red\nplease') }}{% endif %}" + TEMPLATE
    )
    teacher = LocalTeacher(settings(folder, chat_template=str(template)))
    replies = ask(teacher, ["red", "blue"])
    assert isinstance(replies["blue", "on"], Reply)
    assert replies["red", "on"] == Failure(error="the chat template of repeater fails: no red", attempts=1)
    with pytest.raises(UsageError, match="no red"):
        teacher.render(Question(key="k", prompt="red", mode="on"))


def faulty(folder, tmp_path):
    """Settings that cannot be served, with what the message must name."""
    template = tmp_path / "none.jinja"
    pickled = copy_of(folder, tmp_path, without={"model.safetensors"})
    torch.save({}, pickled / "pytorch_model.bin")
    mute = tmp_path / "mute"
    shutil.copytree(folder, mute)
    (mute / "chat_template.jinja").unlink()
    tools = {"request": {"chat_template_kwargs": {"tokenize": True}}}
    return {
        "no folder": (settings(tmp_path / "nowhere"), "teacher.model"),
        "an empty folder": (settings(tmp_path), "teacher.model"),
        "not on the Hub": (settings("organisation/no-such-model"), "teacher.model"),
        "pickled weights": (settings(pickled), "teacher.model"),
        "no chat template": (settings(mute), "has no chat template"),
        "no template file": (settings(folder, chat_template=str(template)), "teacher.chat_template"),
        "no GGUF file": (settings(folder, gguf_file="model.gguf"), "teacher.gguf_file"),
        "no device": (settings(folder, device="abacus"), "teacher.device"),
        "a parameter of rendering": (settings(folder, on=tools), "teacher.on.request.chat_template_kwargs"),
        "no mapping": (
            settings(folder, off={"request": {"chat_template_kwargs": [1]}}),
            "teacher.off.request.chat_template_kwargs",
        ),
    }


def test_what_is_missing_is_one_line_that_names_the_key(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for fault, (given, named) in faulty(folder, tmp_path).items():
        with pytest.raises(UsageError) as raised:
            ask(LocalTeacher(given), ["red"])
        assert named in raised.value.message, fault
        assert "\\n" not in raised.value.message, fault


def test_code_that_comes_with_a_model_is_never_run(folder, tmp_path):
    other = copy_of(folder, tmp_path)
    ran = tmp_path / "ran"
    (other / "own.py").write_text(f"open({str(ran)!r}, 'w')\n")
    config = (other / "config.json").read_text()
    (other / "config.json").write_text(
        config.replace('"model_type": "qwen3"', '"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}')
    )
    with pytest.raises(UsageError, match=r"teacher\.model"):
        LocalTeacher(settings(other))
    assert not ran.exists()


def test_revision_and_precision_reach_the_library(folder, monkeypatch):
    asked = []
    real = transformers.AutoModelForCausalLM.from_pretrained

    def from_pretrained(name, **given):
        asked.append(given)
        return real(name, **given)

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", from_pretrained)
    teacher = LocalTeacher(settings(folder, revision="abc", precision="bfloat16"))
    assert teacher._model.weights.dtype == torch.bfloat16
    assert asked[0]["revision"] == "abc" and asked[0]["trust_remote_code"] is False
    assert isinstance(ask(teacher, ["red"])["red", "on"], Reply)


def test_a_gguf_file_answers_like_the_folder_that_it_was_made_from(folder, tmp_path):
    pytest.importorskip("gguf", reason="needs the package gguf")
    from .small_gguf import write_gguf

    plain, packed = tmp_path / "plain", tmp_path / "packed"
    write_gguf(plain, packed)
    template = tmp_path / "template.jinja"
    template.write_text("{% if t %}b {% endif %}{{ messages[0].content }} a")
    modes = {name: {"request": {"chat_template_kwargs": {"t": name == "on"}}} for name in ("off", "on")}
    common = {"chat_template": str(template), **modes}
    left = LocalTeacher(settings(plain, **common))
    right = LocalTeacher(settings(packed, gguf_file="model.gguf", **common))
    assert right.name == "model.gguf"
    assert right.architecture.model_copy(update={"name": ""}) == left.architecture.model_copy(update={"name": ""})
    replies = [ask(teacher, ["a b", "c"]) for teacher in (left, right)]
    first, second = ({key: (r.message, r.prompt_tokens) for key, r in part.items()} for part in replies)
    assert first == second
