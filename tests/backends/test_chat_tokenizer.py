"""Any Hugging Face tokenizer: prompts as the template renders them, text that stays text, traces counted."""

import json
from dataclasses import dataclass

import pytest

pytest.importorskip("transformers", reason="tokenizing needs the [train] extra")

from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, GenerationConfig

from isothink.backends.chat_template import TODAY
from isothink.backends.chat_tokenizer import ChatTokenizer, local_vocabulary
from isothink.domain.student_settings import ModelTokenizer, Rendering
from isothink.errors import UsageError

from .small_tokenizers import (
    ALWAYS_THINKS,
    BROKEN,
    EMPTY_THINK_BY_DEFAULT,
    INST,
    LLAMA3,
    OPENS_OR_CLOSES,
    QWEN3,
    QWEN25,
    SHOWS_TWICE,
    byte_level,
    metaspace,
    whole_words,
    write_tokenizer,
)

TEXT_END, TURN_END = "<|endoftext|>", "<|im_end|>"
KINDS = {
    "qwen25": (lambda: byte_level(tags=False), QWEN25, {"eos_token": TEXT_END}),
    "qwen3": (lambda: byte_level(tags=True), QWEN3, {"eos_token": TURN_END, "pad_token": TEXT_END}),
    "empty think": (lambda: byte_level(tags=True), EMPTY_THINK_BY_DEFAULT, {"eos_token": TURN_END}),
    "llama3": (lambda: byte_level(tags=False), LLAMA3, {"bos_token": TEXT_END, "eos_token": TEXT_END}),
    "llama2": (lambda: metaspace(tags=False), INST, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}),
    "mistral": (
        lambda: metaspace(tags=True, scheme="first"),
        INST,
        {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
    ),
    "base": (lambda: byte_level(tags=False), None, {"eos_token": TEXT_END}),
}
LOSSLESS = ("qwen25", "qwen3", "llama3", "base")


@dataclass
class Opened:
    """A tokenizer with the folder that it came from."""

    folder: str
    ours: ChatTokenizer

    @property
    def theirs(self):
        return self.ours.transformers

    def words(self, ids):
        return self.theirs.convert_ids_to_tokens(ids)

    def rendered(self, prompt):
        """What `transformers` makes of the prompt with the template that is in use."""
        chat = [{"role": "user", "content": prompt}]
        return self.theirs.apply_chat_template(
            chat, chat_template=self.ours._template.source, add_generation_prompt=True, return_dict=False
        )


def opened(folder, fast, template, *, chat_template=None, system_prompt=None, **special):
    place = write_tokenizer(folder, fast, template, **special)
    return Opened(str(place), chat_tokenizer(place, chat_template=chat_template, system_prompt=system_prompt))


def chat_tokenizer(folder, *, chat_template=None, system_prompt=None):
    settings = ModelTokenizer(backend="transformers", model=str(folder), chat_template=chat_template)
    return ChatTokenizer(settings, Rendering(system_prompt=system_prompt))


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    place = tmp_path_factory.mktemp("tokenizers")
    return {
        name: opened(place / name.replace(" ", "-"), build(), template, **special)
        for name, (build, template, special) in KINDS.items()
    }


# Prompts


@given(text=st.text(alphabet="what is 12+3?\n\t é日😀.", max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_prompt_has_the_ids_of_its_rendered_template(kinds, text):
    for name, one in kinds.items():
        assert one.ours.encode_prompts([text]) == [one.rendered(text)], name


HOSTILE = st.lists(
    st.sampled_from(
        f"{TURN_END} {TEXT_END} <|im_start|> <|im_start|>assistant <think> </think> <tool_call> </s> <s> [/INST]"
        " {{7*7}} {%x%} <|im_ end|> < > é 𝕏 LINE SPACE BLANK NULL".split()
    ),
    max_size=8,
).map(
    lambda words: (
        "".join(words).replace("LINE", "\n").replace("SPACE", " ").replace("BLANK", "  a ").replace("NULL", "\0")
    )
)


@given(text=HOSTILE)
@settings(max_examples=100, deadline=None)
def test_what_a_prompt_says_never_becomes_a_control_token(kinds, text):
    """The control tokens of a hostile prompt are those of a harmless one, and its text is still there."""
    for name, one in kinds.items():
        control = {*one.theirs.all_special_ids, *one.theirs.convert_tokens_to_ids(["<think>", "</think>"])}
        if "<tool_call>" in (one.ours._template.source or ""):
            control.add(one.theirs.convert_tokens_to_ids("<tool_call>"))
        (plain,), (hostile,) = one.ours.encode_prompts(["a"]), one.ours.encode_prompts([text])
        found = [index for index in hostile if index in control - {one.theirs.unk_token_id}]
        assert found == [index for index in plain if index in control - {one.theirs.unk_token_id}], name
        if name in LOSSLESS:
            assert text.strip() in one.theirs.backend_tokenizer.decode(hostile, skip_special_tokens=False)


@given(text=HOSTILE)
@settings(max_examples=100, deadline=None)
def test_an_answer_keeps_its_text_and_only_its_think_tags_are_tokens(kinds, text):
    for name, one in kinds.items():
        (ids,) = one.ours.encode_answers([text])
        *body, last = ids
        assert last == one.ours.end_id
        tags = {"<think>", "</think>"} & set(one.theirs.get_vocab())
        special = [word for word in one.words(body) if word in {*one.theirs.all_special_tokens, *tags} - {"<unk>"}]
        assert special == [word for word in _tags_in(text) if word in tags], name
        if name in LOSSLESS:
            assert one.ours.decode(ids) == text, name
        else:
            assert "".join(one.ours.decode(ids).split()) == "".join(text.split()), name


def _tags_in(text):
    places = [(text.find(tag, start), tag) for tag in ("<think>", "</think>") for start in range(len(text))]
    return [tag for place, tag in sorted(set(places)) if place >= 0]


@given(text=st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_any_text_survives_as_an_answer(kinds, text):
    for name in LOSSLESS:
        (ids,) = kinds[name].ours.encode_answers([text])
        assert kinds[name].ours.decode(ids) == text, name


def test_a_word_that_is_a_control_token_is_spelled_out(tmp_path):
    """In a vocabulary of whole words even plain text can only be written as the control token."""
    one = opened(tmp_path, whole_words(), None, eos_token="</s>", unk_token="<unk>")
    (ids,) = one.ours.encode_prompts(["the </s> sum"])
    assert one.theirs.convert_tokens_to_ids("</s>") not in ids
    assert {"the", "sum"} <= set(one.words(ids))


def test_batches_give_what_single_texts_give(kinds):
    texts = [f"what is {number} + {number * 7919 % 1009} ?\n" * (number % 5) for number in range(1200)]
    for one in (kinds["qwen25"], kinds["llama2"]):
        rows = one.ours.encode_prompts(texts)
        assert rows[::97] == [one.ours.encode_prompts([text])[0] for text in texts[::97]]
        assert len(rows) == len(texts)
    assert one.ours.encode_prompts([]) == [] and one.ours.encode_answers([]) == []


# The end of a turn


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("qwen25", [TURN_END, TEXT_END]),
        ("qwen3", [TURN_END]),
        ("llama3", [TURN_END, TEXT_END]),
        ("mistral", ["</s>"]),
        ("base", [TEXT_END]),
    ],
)
def test_an_answer_ends_with_what_the_template_puts_after_a_turn(kinds, name, ends):
    one = kinds[name]
    assert one.words(one.ours.end_ids) == ends
    assert one.words([one.ours.end_id]) == ends[:1]


def test_a_template_without_a_generation_prompt_still_opens_the_answers_turn(tmp_path):
    """Else a student would answer where the template has not yet said that it is its turn."""
    turn = "<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    template = f"{{% for message in messages %}}{turn}{{% endfor %}}\n"
    one = opened(tmp_path, byte_level(tags=False), template, eos_token=TEXT_END)
    chat = [{"role": "user", "content": "what is 2 ?"}, {"role": "assistant", "content": "two"}]
    (prompt,), (answer,) = one.ours.encode_prompts(["what is 2 ?"]), one.ours.encode_answers(["two"])
    whole = one.theirs.apply_chat_template(chat, return_dict=False)
    assert prompt + answer == whole[: len(prompt) + len(answer)]
    assert one.theirs.decode(prompt).endswith("<|im_start|>assistant\n")
    assert prompt == one.rendered("what is 2 ?"), "as servers of the finished student will render it"


def test_a_template_without_an_end_takes_the_end_of_sequence(tmp_path):
    template = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
    one = opened(tmp_path, byte_level(tags=False), template, eos_token=TEXT_END)
    assert one.words([one.ours.end_id]) == [TEXT_END]


def test_without_any_end_there_is_no_tokenizer(tmp_path):
    template = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
    with pytest.raises(UsageError, match="no token that ends an answer"):
        opened(tmp_path, byte_level(tags=False), template)


def test_the_pad_token_is_the_models_or_the_end(kinds):
    assert kinds["qwen3"].words([kinds["qwen3"].ours.pad_id]) == [TEXT_END]
    assert kinds["qwen25"].ours.pad_id == kinds["qwen25"].ours.end_id


def test_the_vocabulary_ends_with_the_largest_id(kinds):
    for one in kinds.values():
        assert one.ours.vocabulary_size == max(one.theirs.get_vocab().values()) + 1


# Templates


def test_a_base_model_gets_the_plain_template(kinds):
    one = kinds["base"]
    (ids,) = one.ours.encode_prompts(["what is 1?"])
    assert one.theirs.backend_tokenizer.decode(ids) == "User: what is 1?\n\nAssistant:"


def test_the_plain_template_begins_as_the_tokenizer_begins_texts(tmp_path):
    from tokenizers.processors import TemplateProcessing

    fast = byte_level(tags=False)
    first = fast.token_to_id(TEXT_END)
    fast.post_processor = TemplateProcessing(single=f"{TEXT_END} $A", special_tokens=[(TEXT_END, first)])
    one = opened(tmp_path / "begins", fast, None, bos_token=TEXT_END, eos_token=TURN_END)
    assert one.ours.encode_prompts(["a"])[0][0] == first
    plain = opened(
        tmp_path / "plain",
        byte_level(tags=False),
        None,
        bos_token=TEXT_END,
        eos_token=TURN_END,
        system_prompt="Be kind.",
    )
    text = plain.theirs.backend_tokenizer.decode(plain.ours.encode_prompts(["a"])[0], skip_special_tokens=False)
    assert text == "Be kind.\n\nUser: a\n\nAssistant:"


@pytest.mark.parametrize("template", [ALWAYS_THINKS, OPENS_OR_CLOSES])
def test_a_template_that_writes_the_tags_itself_is_refused(tmp_path, template):
    with pytest.raises(UsageError, match="writes a think tag into every prompt") as caught:
        opened(tmp_path, byte_level(tags=True), template, eos_token=TURN_END)
    assert "chat_template" in caught.value.hint


def test_a_template_of_the_users_own_takes_its_place(tmp_path):
    own = tmp_path / "own.jinja"
    own.write_text(QWEN3)
    one = opened(tmp_path / "model", byte_level(tags=True), ALWAYS_THINKS, chat_template=str(own), eos_token=TURN_END)
    assert "<think>" not in one.words(one.ours.encode_prompts(["a"])[0])


def test_an_empty_think_block_is_switched_off(kinds):
    one = kinds["empty think"]
    (ids,) = one.ours.encode_prompts(["a"])
    assert not {"<think>", "</think>"} & set(one.words(ids))
    text = one.theirs.backend_tokenizer.decode(ids, skip_special_tokens=False)
    assert text == f"<|im_start|>user\na{TURN_END}\n<|im_start|>assistant\n"


def test_prompts_do_not_change_overnight(kinds):
    """The template asks for the time to the microsecond."""
    one = kinds["llama3"]
    again = chat_tokenizer(one.folder)
    assert again.encode_prompts(["a"]) == one.ours.encode_prompts(["a"])
    assert again.fingerprint == one.ours.fingerprint
    assert TODAY in one.theirs.backend_tokenizer.decode(one.ours.encode_prompts(["a"])[0])


@pytest.mark.parametrize(
    ("template", "said"),
    [(SHOWS_TWICE, "shows the user's message 2 times"), (BROKEN, "fails"), ("{{ messages[7].x.y }}", "fails")],
)
def test_a_template_that_cannot_be_used_is_one_line(tmp_path, template, said):
    with pytest.raises(UsageError, match=said) as caught:
        opened(tmp_path, byte_level(tags=False), template, eos_token=TEXT_END)
    assert "\n" not in caught.value.message


def test_a_system_prompt_is_shown_as_text(tmp_path):
    system = f"Be kind. {TURN_END}<think>"
    one = opened(tmp_path, byte_level(tags=True), QWEN25, system_prompt=system, eos_token=TEXT_END)
    (ids,) = one.ours.encode_prompts(["a"])
    assert one.words(ids).count(TURN_END) == 2 and "<think>" not in one.words(ids)
    text = one.theirs.backend_tokenizer.decode(ids, skip_special_tokens=False)
    assert text == f"<|im_start|>system\n{system}{TURN_END}\n<|im_start|>user\na{TURN_END}\n<|im_start|>assistant\n"


def test_a_template_without_a_system_role_refuses_a_system_prompt(tmp_path):
    with pytest.raises(UsageError, match="only user and assistant roles"):
        opened(
            tmp_path,
            metaspace(tags=False),
            INST,
            system_prompt="x",
            bos_token="<s>",
            eos_token="</s>",
            unk_token="<unk>",
        )


# Traces


def trace_by_decoding(one, ids):
    """By the definition: from the first token that opens a tag to the last that closes one, by decoding prefixes."""
    tokenizer = one.theirs.backend_tokenizer
    text = [tokenizer.decode(ids[:count], skip_special_tokens=False) for count in range(len(ids) + 1)]
    whole = text[-1]
    if "<think>" not in whole and "</think>" not in whole:
        return 0
    begin = 0
    if "<think>" in whole:
        opened_at = next(count for count, part in enumerate(text) if "<think>" in part)
        begin = max(
            start
            for start in range(opened_at)
            if "<think>" in tokenizer.decode(ids[start:opened_at], skip_special_tokens=False)
        )
    closes = whole.count("</think>")
    if "</think>" not in whole or whole.rfind("</think>") < whole.find("<think>"):
        return len(ids) - begin
    return next(count for count, part in enumerate(text) if part.count("</think>") == closes) - begin


@given(
    text=st.lists(
        st.sampled_from(["<think>", "</think>", "\n", " one", "two ", "é", "<thi", "nk>", "</"]), max_size=9
    ).map("".join)
)
@settings(max_examples=150, deadline=None)
def test_a_trace_is_counted_as_decoding_finds_it(kinds, text):
    for name in ("qwen25", "qwen3", "mistral", "llama2"):
        (ids,) = kinds[name].ours.encode_answers([text])
        assert kinds[name].ours.trace_tokens(ids) == trace_by_decoding(kinds[name], ids), name


@pytest.mark.parametrize(
    ("text", "single", "several"),
    [
        ("<think>a</think>b", 3, "<think>a</think>"),
        ("<think>a</think>b</think>c", 5, "<think>a</think>b</think>"),
        ("a</think>b", 2, "a</think>"),
        ("b<think>a", 3, "<think>a"),
        ("b", 0, ""),
        ("a</think>b<think>c", 3, "<think>c"),
    ],
)
def test_traces_of_known_length(kinds, text, single, several):
    """Where tags are single tokens by hand; else the tokens of the trace alone, and the end token if none closes."""
    one = kinds["qwen3"]
    assert one.ours.trace_tokens(one.ours.encode_answers([text])[0]) == single
    unclosed = not text.rpartition("<think>")[2].count("</think>") and "<think>" in text
    one = kinds["qwen25"]
    alone = len(one.ours.encode_answers([several])[0]) - 1 + unclosed if several else 0
    assert one.ours.trace_tokens(one.ours.encode_answers([text])[0]) == alone


# Files


def test_a_finished_student_reads_the_same_prompts(kinds, tmp_path):
    """What `save` writes gives a library that knows nothing of this package the ids that were trained."""
    for name, one in kinds.items():
        place = tmp_path / name
        place.mkdir()
        one.ours.save(place)
        loaded = AutoTokenizer.from_pretrained(place)
        chat = [{"role": "user", "content": "what is 12 + 30 ?"}]
        ids = loaded.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
        assert ids == one.ours.encode_prompts(["what is 12 + 30 ?"])[0], name
        assert GenerationConfig.from_pretrained(place).eos_token_id == list(one.ours.end_ids)
        assert json.loads((place / "generation_config.json").read_text())["pad_token_id"] == one.ours.pad_id


def test_the_fingerprint_changes_with_vocabulary_template_and_system_prompt(kinds, tmp_path):
    qwen = kinds["qwen25"]
    own = tmp_path / "own.jinja"
    own.write_text(QWEN3)
    others = [
        kinds["qwen3"].ours,
        kinds["base"].ours,
        chat_tokenizer(qwen.folder, chat_template=str(own)),
        chat_tokenizer(qwen.folder, system_prompt="Be kind."),
    ]
    prints = [qwen.ours.fingerprint, *(other.fingerprint for other in others)]
    assert len(set(prints)) == len(prints)
    assert chat_tokenizer(qwen.folder).fingerprint == qwen.ours.fingerprint


@pytest.mark.parametrize("content", [None, "{", '{"model": 7}'])
def test_a_folder_without_a_tokenizer_is_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(UsageError, match="cannot be read") as caught:
        chat_tokenizer(tmp_path)
    assert "\n" not in caught.value.message
    assert local_vocabulary(str(tmp_path), None) is None


@pytest.mark.parametrize("model_type", ["qwen2", "gpt_neox", "gemma3_text"])
def test_a_tokenizer_without_words_is_none(tmp_path, model_type):
    """`transformers` makes one of nothing but special tokens where the files are missing."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    assert local_vocabulary(str(tmp_path), None) is None
    with pytest.raises(UsageError, match="holds no vocabulary"):
        chat_tokenizer(tmp_path)


def test_a_template_file_that_cannot_be_read_is_named(kinds, tmp_path):
    with pytest.raises(UsageError, match=r"tokenizer\.chat_template"):
        chat_tokenizer(kinds["base"].folder, chat_template=str(tmp_path / "none.jinja"))


def test_the_vocabulary_of_a_folder_is_that_of_its_tokenizer(kinds):
    one = kinds["qwen3"]
    assert local_vocabulary(one.folder, None) == one.ours.vocabulary
    assert local_vocabulary(one.folder, None) != kinds["qwen25"].ours.vocabulary
