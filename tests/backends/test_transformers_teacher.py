"""The teacher in this process: a tiny model that was really trained to think when its template opens the trace."""

import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")

from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast  # noqa: E402

from isothink.backends.token_counter import TeacherTokenCounter  # noqa: E402
from isothink.backends.transformers_teacher import LocalTeacher  # noqa: E402
from isothink.domain.teacher_settings import TransformersTeacher  # noqa: E402
from isothink.errors import UsageError  # noqa: E402
from isothink.teacher.protocol import Question  # noqa: E402
from isothink.teacher.reading import read_reply  # noqa: E402

from ..teacher.conformance import TeacherConformance, ask  # noqa: E402

NUMBERS = [f"n{number}" for number in range(12)]
WORDS = ["<pad>", "<end>", "<think>", "</think>", "user", "teacher", "hm", "so", *NUMBERS]
TEMPLATE = (
    "{% for message in messages %}user {{ message.content }} {% endfor %}teacher"
    "{% if enable_thinking %} <think>{% endif %}"
)


def target(word, mode):
    """What the model learns: the next number, after a trace where the template opened one."""
    answer = NUMBERS[(NUMBERS.index(word) + 1) % len(NUMBERS)]
    return f"hm {word} so {answer} </think> {answer} <end>" if mode == "on" else f"{answer} <end>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("teacher")
    words = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<pad>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<end>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(place)
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "qwen3",
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        intermediate_size=64,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        tie_word_embeddings=False,
        eos_token_id=1,
        pad_token_id=0,
    )
    model = AutoModelForCausalLM.from_config(config)
    rows = []
    for word in NUMBERS:
        for mode in ("off", "on"):
            head = "user " + word + " teacher" + (" <think>" if mode == "on" else "")
            ids = tokenizer(f"{head} {target(word, mode)}")["input_ids"]
            prompt = len(tokenizer(head)["input_ids"])
            rows.append((ids, [-100] * prompt + ids[prompt:]))
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in rows])
    labels = torch.tensor([labels + [-100] * (longest - len(labels)) for _, labels in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        loss = model(ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss.item() < 0.02, "the model learned too little to be a teacher"
    model.save_pretrained(place)
    return place


def settings(folder, **changes):
    values = {
        "backend": "transformers",
        "model": str(folder),
        "off": {"request": {"chat_template_kwargs": {"enable_thinking": False}}},
        "on": {"request": {"chat_template_kwargs": {"enable_thinking": True}}},
        "sampling": {"temperature": 0, "max_tokens": 20},
        "batch_size": 4,
        "device": "cpu",
    }
    return TransformersTeacher.model_validate({**values, **changes})


class TestLocalTeacher(TeacherConformance):
    @pytest.fixture
    def teacher(self, folder):
        return LocalTeacher(settings(folder))

    @pytest.fixture
    def prompts(self):
        return NUMBERS[:5]

    def test_known_replies_with_exact_counts(self, teacher):
        replies = ask(teacher, ["n3"])
        off, on = replies["n3", "off"], replies["n3", "on"]
        assert (off.message, off.content, off.finish) == ("n4 <end>", "n4", "end")
        assert (off.prompt_tokens, off.output_tokens) == (3, 2)
        assert on.message == "hm n3 so n4 </think> n4 <end>"
        assert on.content == "<think>\nhm n3 so n4 </think> n4"
        assert (on.prompt_tokens, on.output_tokens) == (4, 7)
        reading = read_reply(on, "on")
        assert (reading.trace, reading.answer, reading.think_state) == ("hm n3 so n4", "n4", "closed")

    def test_a_cap_cuts_the_trace_and_there_is_no_answer(self, teacher):
        replies = ask(teacher, ["n3"], max_tokens=3)
        on = replies["n3", "on"]
        assert (on.finish, on.output_tokens, on.max_tokens) == ("length", 3, 3)
        reading = read_reply(on, "on")
        assert (reading.think_state, reading.answer, reading.trace) == ("unclosed", "", "hm n3 so")


def test_greedy_replies_do_not_depend_on_the_batch_size(folder):
    def texts(batch_size):
        replies = ask(LocalTeacher(settings(folder, batch_size=batch_size)), NUMBERS)
        return {question: reply.message for question, reply in replies.items()}

    assert texts(1) == texts(4) == texts(24)


def test_sampling_repeats_under_its_seed_and_changes_with_it(folder):
    def texts(seed, temperature=3.0):
        drawing = {"temperature": temperature, "top_p": 1.0, "max_tokens": 12, "seed": seed}
        replies = ask(LocalTeacher(settings(folder, sampling=drawing)), NUMBERS)
        return [reply.message for reply in replies.values()]

    assert texts(0) == texts(0)
    assert texts(0) != texts(1)


def test_a_batch_that_does_not_fit_is_halved_and_every_question_is_answered_once(folder):
    teacher = LocalTeacher(settings(folder, batch_size=8))
    expected = ask(teacher, NUMBERS)
    generate, sizes = teacher._model.generate, []

    def too_small(ids, **options):
        sizes.append(len(ids))
        if len(ids) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(ids, **options)

    teacher._model.generate = too_small
    found = ask(teacher, NUMBERS)
    assert max(sizes) == 8 and {question: reply.message for question, reply in found.items()} == {
        question: reply.message for question, reply in expected.items()
    }


def test_what_fails_alone_is_a_failure_of_its_question(folder):
    teacher = LocalTeacher(settings(folder))
    teacher._model.generate = lambda *_, **__: (_ for _ in ()).throw(RuntimeError("no\nmemory"))
    (failure,) = ask(teacher, ["n1"], modes=("off",)).values()
    assert failure.error == "RuntimeError: no"


def test_the_models_own_sampling_settings_are_not_used(folder):
    teacher = LocalTeacher(settings(folder, sampling={"temperature": 1.0, "top_p": 1.0, "max_tokens": 5}))
    drawing = teacher._drawing(teacher._settings.sampling, 5)
    assert (drawing.top_k, drawing.temperature, drawing.do_sample) == (0, 1.0, True)
    assert teacher._model.generation_config.temperature in (None, 1.0)


def test_what_is_rendered_differs_in_the_toggle_alone(folder):
    off, on = (
        LocalTeacher(settings(folder)).render(Question(key="k", prompt="n1", mode=mode)) for mode in ("off", "on")
    )
    assert off["text"] == "user n1 teacher" and on["text"] == "user n1 teacher <think>"
    assert {**off, "text": ""} == {**on, "text": ""}


def test_the_architecture_is_that_of_the_model(folder):
    architecture = LocalTeacher(settings(folder)).architecture
    assert (architecture.hidden_size, architecture.vocabulary_size) == (32, len(WORDS))


def test_system_messages_and_suffixes_toggle_too(folder):
    teacher = LocalTeacher(settings(folder, off={"system": "so", "prompt_suffix": " hm"}, on={}))
    assert teacher.render(Question(key="k", prompt="n1", mode="off"))["text"] == "user so user n1 hm teacher"
    assert teacher.render(Question(key="k", prompt="n1", mode="on"))["text"] == "user n1 teacher"


def test_a_template_of_the_users_replaces_the_models_own(folder, tmp_path):
    template = tmp_path / "template.jinja"
    template.write_text("user {{ messages[0].content }} {{ 'hm' if enable_thinking else 'so' }}")
    teacher = LocalTeacher(settings(folder, chat_template=str(template)))
    assert teacher.render(Question(key="k", prompt="n1", mode="on"))["text"] == "user n1 hm"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "/nowhere/at/all"}, "teacher.model"),
        ({"gguf_file": "model.gguf"}, "teacher.model"),
        ({"chat_template": "/nowhere.jinja"}, "teacher.chat_template"),
        ({"sampling": {"presence_penalty": 1.0}}, "presence_penalty"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(folder, changes, said):
    with pytest.raises(UsageError, match=said) as caught:
        LocalTeacher(settings(folder, **changes))
    assert "\n" not in caught.value.message


def test_the_token_counter_counts_with_the_teachers_tokenizer(folder):
    for name in (folder, folder / "tokenizer.json"):
        assert TeacherTokenCounter(str(name)).count(["hm n3 so", "", "n1"]) == [3, 0, 1]
    with pytest.raises(UsageError, match=r"teacher\.tokenizer"):
        TeacherTokenCounter("/nowhere/at/all")
