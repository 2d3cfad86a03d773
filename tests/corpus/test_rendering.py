"""Pairs into token ids: what a chat template loses or changes is found before anything is trained."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.backends.words import WordsTokenizer
from isothink.corpus.corpus import freeze, measure
from isothink.corpus.rendering import CHECKED_PAIRS, tokenize_pairs
from isothink.domain.pair import Pair
from isothink.errors import StepError


class CharacterTokenizer:
    """One token per character; subclasses are chat templates with one fault each."""

    fingerprint = "characters"
    vocabulary_size = 2000
    user, assistant, end = 1, 2, 3

    def encode_prompts(self, prompts):
        return [[self.user, *self.ids(prompt), self.assistant] for prompt in prompts]

    def encode_chats(self, prompts, answers):
        heads = self.encode_prompts(prompts)
        return [[*head, *self.ids(answer), self.end] for head, answer in zip(heads, answers, strict=True)]

    def decode(self, ids):
        return "".join(chr(index - 10) for index in ids if index >= 10)

    @staticmethod
    def ids(text):
        return [ord(char) + 10 for char in text]


class DropsTheTrace(CharacterTokenizer):
    """As templates do that keep only the part after the close (huggingface/trl#6361)."""

    def encode_chats(self, prompts, answers):
        return super().encode_chats(prompts, [answer.rpartition("</think>")[2] for answer in answers])


class DropsTheTags(CharacterTokenizer):
    def encode_chats(self, prompts, answers):
        bare = [answer.replace("<think>", "").replace("</think>", "") for answer in answers]
        return super().encode_chats(prompts, bare)


class AddsAnEmptyThinkBlock(CharacterTokenizer):
    """As hybrid models' templates do to plain answers (hiyouga/LlamaFactory#10321)."""

    def encode_chats(self, prompts, answers):
        shown = [answer if "<think>" in answer else f"<think> </think> {answer}" for answer in answers]
        return super().encode_chats(prompts, shown)


class CutsLongAnswers(CharacterTokenizer):
    def encode_chats(self, prompts, answers):
        return super().encode_chats(prompts, [answer[:20] for answer in answers])


class ChangesThePrompt(CharacterTokenizer):
    """The prompt gains a system turn once an answer follows."""

    def encode_chats(self, prompts, answers):
        return [[9, *chat] for chat in super().encode_chats(prompts, answers)]


class OpensThinking(CharacterTokenizer):
    def encode_prompts(self, prompts):
        return [[*head, *self.ids(" <think> ")] for head in super().encode_prompts(prompts)]


class ForgetsTheEnd(CharacterTokenizer):
    def encode_chats(self, prompts, answers):
        return [chat[:-1] for chat in super().encode_chats(prompts, answers)]


class MasksTheAnswer(CharacterTokenizer):
    """An answer that is not rendered at all."""

    def encode_chats(self, prompts, answers):
        return self.encode_prompts(prompts)


def pair(number, source="s", trace="one and one is two"):
    return Pair(
        id=f"p{number}", source=source, prompt=f"what is {number}", ift_answer="2", trace=trace, reasoning_answer="two"
    )


def test_answers_are_what_follows_the_prompt_end_token_included():
    (row,) = tokenize_pairs([pair(7)], CharacterTokenizer())
    tokenizer = CharacterTokenizer()
    assert row.prompt == tokenizer.encode_prompts(["what is 7"])[0]
    assert row.ift == [*tokenizer.ids("2"), tokenizer.end]
    assert row.reasoning == [*tokenizer.ids("<think> one and one is two </think> two"), tokenizer.end]


@given(
    st.lists(
        st.tuples(*[st.text(alphabet="abc 0+=", min_size=1, max_size=12).filter(str.strip)] * 4), min_size=1, max_size=5
    )
)
def test_both_formats_share_the_prompt_and_decode_to_their_targets(texts):
    pairs = [
        Pair(id=str(index), source="s", prompt=prompt, ift_answer=plain, trace=trace, reasoning_answer=answer)
        for index, (prompt, plain, trace, answer) in enumerate(texts)
    ]
    tokenizer = CharacterTokenizer()
    for made, row in zip(pairs, tokenize_pairs(pairs, tokenizer), strict=True):
        assert tokenizer.decode(row.prompt) == made.prompt
        assert tokenizer.decode(row.ift) == made.ift_answer
        assert tokenizer.decode(row.reasoning) == f"<think> {made.trace} </think> {made.reasoning_answer}"
        assert row.ift[-1] == row.reasoning[-1] == tokenizer.end


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (DropsTheTrace, "reasoning answer decodes to 'two', expected '<think> one"),
        (DropsTheTags, "reasoning answer decodes to"),
        (AddsAnEmptyThinkBlock, "ift answer decodes to '<think> </think> 2', expected '2'"),
        (CutsLongAnswers, "reasoning answer decodes to"),
        (ChangesThePrompt, "does not begin with its rendered prompt"),
        (MasksTheAnswer, "does not begin with its rendered prompt"),
        (OpensThinking, "the rendered prompt holds a think tag"),
        (ForgetsTheEnd, "ends without an end-of-turn token"),
    ],
)
def test_a_faulty_template_is_found_and_the_pair_named(template, said):
    with pytest.raises(StepError) as caught:
        tokenize_pairs([pair(7)], template())
    assert said in caught.value.message and "p7" in caught.value.message


class LosesOneWord(CharacterTokenizer):
    def encode_chats(self, prompts, answers):
        return super().encode_chats(prompts, [answer.replace("rare", "?") for answer in answers])


def test_every_source_is_checked_not_only_the_first_rows():
    pairs = [pair(number, "common") for number in range(CHECKED_PAIRS + 1)]
    tokenize_pairs(pairs, LosesOneWord())
    with pytest.raises(StepError, match="p99"):
        tokenize_pairs([*pairs, pair(99, "other", trace="a rare word")], LosesOneWord())


def test_a_prompt_that_changes_in_a_late_row_is_found():
    class ChangesLongPrompts(CharacterTokenizer):
        def encode_chats(self, prompts, answers):
            return super().encode_chats([prompt[:12] for prompt in prompts], answers)

    pairs = [pair(number) for number in range(50)]
    tokenize_pairs(pairs, ChangesLongPrompts())
    with pytest.raises(StepError, match="p123456789"):
        tokenize_pairs([*pairs, pair(123456789)], ChangesLongPrompts())


def test_the_words_tokenizer_refuses_a_word_that_it_does_not_know():
    tokenizer = WordsTokenizer()
    known = tokenizer.decode(range(20, 24))
    good = Pair(id="good", source="s", prompt=known, ift_answer=known, trace=known, reasoning_answer=known)
    (row,) = tokenize_pairs([good], tokenizer)
    assert row.ift[-1] == row.reasoning[-1] == tokenizer.end_id
    assert tokenizer.decode(row.reasoning) == f"<think> {known} </think> {known}"
    with pytest.raises(StepError, match="zyzzyva"):
        tokenize_pairs([good.model_copy(update={"trace": "zyzzyva"})], tokenizer)


def test_a_template_written_into_a_prompt_stays_text():
    """What a prompt says must not become a turn of its own."""
    (row,) = tokenize_pairs(
        [pair(1).model_copy(update={"prompt": "{{ 7 * 7 }} {% for x in y %}"})], CharacterTokenizer()
    )
    assert CharacterTokenizer().decode(row.prompt) == "{{ 7 * 7 }} {% for x in y %}"
    tokenizer = WordsTokenizer()
    (ids,) = tokenizer.encode_prompts(["{{ 7 * 7 }}"])
    assert len(ids) == 2 + len(["{{", "7", "*", "7", "}}"])


# The frozen corpus


def rows(*numbers):
    return tokenize_pairs([pair(number, source="ab"[number % 2]) for number in numbers], CharacterTokenizer())


def frozen(made, tokenizer="t"):
    return freeze(made, tokenizer=tokenizer, vocabulary_size=2000)


def test_a_corpus_gives_back_what_was_frozen():
    made = rows(1, 22, 333)
    corpus = frozen(made)
    assert corpus.ids == ("p1", "p22", "p333") and corpus.sources == ("b", "a", "b")
    for name in ("prompt", "ift", "reasoning"):
        assert getattr(corpus, name).rows() == [getattr(row, name) for row in made]
        assert len(getattr(corpus, name)) == 3


def test_lengths_are_of_the_whole_sequence():
    made = rows(1, 22, 333)
    lengths = measure(frozen(made), origin="measured")
    assert lengths.prompt.tolist() == [len(row.prompt) for row in made]
    assert lengths.of("ift").tolist() == [len(row.prompt) + len(row.ift) for row in made]
    assert lengths.of("reasoning").tolist() == [len(row.prompt) + len(row.reasoning) for row in made]
    assert [lengths.sources[index] for index in lengths.source] == ["b", "a", "b"]
    assert lengths.unique_prompts == 3 and lengths.origin == "measured"


def test_the_identity_changes_with_everything_that_a_student_could_see():
    made = rows(1, 22, 333)
    identities = [
        frozen(made).identity,
        frozen(made, "other tokenizer").identity,
        frozen([made[1], made[0], made[2]]).identity,
        frozen(made[:2]).identity,
        *(
            frozen([changed(made[0], field), *made[1:]]).identity
            for field in ("prompt", "ift", "reasoning", "pair", "source")
        ),
    ]
    assert len(set(identities)) == len(identities)
    assert frozen(rows(1, 22, 333)).identity == identities[0]


def changed(row, field):
    value = getattr(row, field)
    return dataclasses.replace(row, **{field: [*value[:-1], value[-1] + 1] if isinstance(value, list) else value + "x"})


def test_the_identity_sees_where_one_row_ends_and_the_next_begins():
    one, two = rows(1, 3)
    moved = [dataclasses.replace(one, ift=[*one.ift, two.ift[0]]), dataclasses.replace(two, ift=two.ift[1:])]
    assert frozen(moved).identity != frozen([one, two]).identity
