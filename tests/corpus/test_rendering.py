"""Pairs into token ids: what a chat template loses or changes is found before anything is trained."""

import pytest
from character_tokenizer import CharacterTokenizer
from hypothesis import given
from hypothesis import strategies as st

from isothink.backends.words import WordsTokenizer
from isothink.corpus import rendering as module
from isothink.corpus.rendering import CHECKED_PAIRS, tokenize_pairs
from isothink.domain.pair import Pair
from isothink.domain.student_settings import Rendering
from isothink.errors import StepError

PLAIN = Rendering()


def pair(number, source="s", trace="one and one is two", **changes):
    made = Pair(
        id=f"p{number}", source=source, prompt=f"what is {number}", ift_answer="2", trace=trace, reasoning_answer="two"
    )
    return made.model_copy(update=changes)


def tokenized(pairs, tokenizer=None, rendering=PLAIN):
    return list(tokenize_pairs(pairs, tokenizer or CharacterTokenizer(), rendering))


def test_prompt_and_answers_are_encoded_apart_end_token_included():
    (row,) = tokenized([pair(7)])
    tokenizer = CharacterTokenizer()
    assert row.prompt == tokenizer.encode_prompts(["what is 7"])[0]
    assert row.ift == [*tokenizer.ids("2"), tokenizer.end_id]
    assert row.reasoning == [*tokenizer.ids("<think>\none and one is two\n</think>\n\ntwo"), tokenizer.end_id]


def test_the_formats_are_those_of_the_study():
    chosen = Rendering(ift_format="empty_think", reasoning_format="Hm. <think>{trace}</think>|{answer}|")
    (row,) = tokenized([pair(7)], rendering=chosen)
    tokenizer = CharacterTokenizer()
    assert tokenizer.decode(row.ift) == "Hm. <think></think>|2|"
    assert tokenizer.decode(row.reasoning) == "Hm. <think>one and one is two</think>|two|"


@given(st.lists(st.tuples(*[st.text(max_size=12)] * 4), min_size=1, max_size=5))
def test_any_text_is_rendered_as_it_stands(texts):
    pairs = [
        Pair(id=str(index), source="s", prompt=prompt, ift_answer=plain, trace=trace, reasoning_answer=answer)
        for index, (prompt, plain, trace, answer) in enumerate(texts)
    ]
    tokenizer = CharacterTokenizer()
    for made, row in zip(pairs, tokenized(pairs), strict=True):
        assert tokenizer.decode(row.prompt) == made.prompt
        assert tokenizer.decode(row.ift) == made.ift_answer
        assert tokenizer.decode(row.reasoning) == f"<think>\n{made.trace}\n</think>\n\n{made.reasoning_answer}"
        assert row.ift[-1] == row.reasoning[-1] == tokenizer.end_id


class DropsTheTrace(CharacterTokenizer):
    """As templates do that keep only the part after the close (huggingface/trl#6361)."""

    def encode_answers(self, answers):
        return super().encode_answers([answer.rpartition("</think>")[2] for answer in answers])


class DropsTheTags(CharacterTokenizer):
    def encode_answers(self, answers):
        return super().encode_answers([answer.replace("<think>", "").replace("</think>", "") for answer in answers])


class AddsAnEmptyThinkBlock(CharacterTokenizer):
    """As hybrid models' templates do to plain answers (hiyouga/LlamaFactory#10321)."""

    def encode_answers(self, answers):
        return super().encode_answers(
            [answer if "<think>" in answer else f"<think>\n\n</think>\n\n{answer}" for answer in answers]
        )


class CutsLongAnswers(CharacterTokenizer):
    def encode_answers(self, answers):
        return super().encode_answers([answer[:20] for answer in answers])


class LosesALineBreak(CharacterTokenizer):
    """Keeps white space, but for what its template strips between trace and answer."""

    def encode_answers(self, answers):
        return super().encode_answers([answer.replace("\n\ntwo", "\ntwo") for answer in answers])


class OpensThinking(CharacterTokenizer):
    """modelscope/ms-swift#4939."""

    def encode_prompts(self, prompts):
        return [[*head, *self.ids("<think>\n")] for head in super().encode_prompts(prompts)]


class ForgetsTheEnd(CharacterTokenizer):
    def encode_answers(self, answers):
        return [ids[:-1] for ids in super().encode_answers(answers)]


class EndsWithTheEndOfSequence(CharacterTokenizer):
    """A token that decodes to nothing and is not the one that ends a turn."""

    def encode_answers(self, answers):
        return [[*ids[:-1], 4] for ids in super().encode_answers(answers)]


class RendersNoAnswer(CharacterTokenizer):
    def encode_answers(self, answers):
        return [[self.end_id] for _ in answers]


class RendersNoPrompt(CharacterTokenizer):
    def encode_prompts(self, prompts):
        return [[self.user, self.assistant] for _ in prompts]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (DropsTheTrace, r"reasoning answer decodes to '\n\ntwo', expected '<think>\none"),
        (DropsTheTags, "reasoning answer decodes to"),
        (AddsAnEmptyThinkBlock, r"ift answer decodes to '<think>\n\n</think>\n\n2', expected '2'"),
        (CutsLongAnswers, "reasoning answer decodes to"),
        (LosesALineBreak, "reasoning answer decodes to"),
        (OpensThinking, "the rendered prompt holds a think tag"),
        (ForgetsTheEnd, "ends without an end-of-turn token"),
        (EndsWithTheEndOfSequence, "ends without an end-of-turn token"),
        (RendersNoAnswer, "ift answer decodes to ''"),
        (RendersNoPrompt, "which does not hold it"),
    ],
)
def test_a_faulty_template_is_found_and_the_pair_named(template, said):
    with pytest.raises(StepError) as caught:
        tokenized([pair(7)], template())
    assert said in caught.value.message and "p7" in caught.value.message


class ForgetsWhiteSpace(CharacterTokenizer):
    def decode(self, ids):
        return " ".join(super().decode(ids).split())


class ComposesCharacters(CharacterTokenizer):
    """As the normalizer of Qwen's tokenizers does."""

    def encode_answers(self, answers):
        import unicodedata

        return super().encode_answers([unicodedata.normalize("NFC", answer) for answer in answers])


@pytest.mark.parametrize("tokenizer", [ForgetsWhiteSpace, ComposesCharacters])
def test_what_a_tokenizer_does_to_any_text_is_no_fault_of_the_template(tokenizer):
    assert len(tokenized([pair(7, trace="cafe\u0301  and\n\nmore")], tokenizer())) == 1


class LosesOneWord(CharacterTokenizer):
    def encode_answers(self, answers):
        return super().encode_answers([answer.replace("rare", "?") for answer in answers])


def test_every_source_is_checked_not_only_the_first_rows():
    pairs = [pair(number, "common") for number in range(CHECKED_PAIRS + 1)]
    tokenized(pairs, LosesOneWord())
    with pytest.raises(StepError, match="p99"):
        tokenized([*pairs, pair(99, "other", trace="a rare word")], LosesOneWord())


def test_a_prompt_may_speak_of_think_tags():
    prompt = "what does </think> mean, and <think>?"
    (row,) = tokenized([pair(1, prompt=prompt)])
    assert CharacterTokenizer().decode(row.prompt) == prompt


def test_a_trace_that_holds_tags_breaks_nothing():
    """The filters drop such pairs; here they are text like any other."""
    trace = "a </think> b <think> c"
    (row,) = tokenized([pair(1, trace=trace)])
    assert CharacterTokenizer().decode(row.reasoning) == f"<think>\n{trace}\n</think>\n\ntwo"


def test_pairs_are_rendered_a_few_at_a_time(monkeypatch):
    """However many pairs there are, no more are asked for than one batch ahead."""
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 10)
    asked = []

    def endless():
        number = 0
        while True:
            asked.append(number)
            yield pair(number)
            number += 1

    rows = tokenize_pairs(endless(), CharacterTokenizer(), PLAIN)
    for number in range(25):
        assert next(rows).pair == f"p{number}"
    assert len(asked) == 30


def test_batches_change_nothing(monkeypatch):
    pairs = [pair(number, source="ab"[number % 2]) for number in range(23)]
    whole = tokenized(pairs)
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 4)
    assert tokenized(pairs) == whole and len(whole) == 23
    assert tokenized([]) == []


def test_the_words_tokenizer_refuses_a_word_that_it_does_not_know():
    tokenizer = WordsTokenizer()
    known = tokenizer.decode(range(20, 24))
    good = Pair(id="good", source="s", prompt=known, ift_answer=known, trace=known, reasoning_answer=known)
    (row,) = tokenized([good], tokenizer)
    assert row.ift[-1] == row.reasoning[-1] == tokenizer.end_id
    assert tokenizer.decode(row.reasoning) == f"<think> {known} </think> {known}"
    for part in ("trace", "prompt"):
        with pytest.raises(StepError, match="good"):
            tokenized([good.model_copy(update={part: "zyzzyva"})], tokenizer)


def test_a_template_written_into_a_prompt_stays_text():
    """What a prompt says must not become a turn of its own."""
    (row,) = tokenized([pair(1, prompt="{{ 7 * 7 }} {% for x in y %}")])
    assert CharacterTokenizer().decode(row.prompt) == "{{ 7 * 7 }} {% for x in y %}"
    tokenizer = WordsTokenizer()
    (ids,) = tokenizer.encode_prompts(["{{ 7 * 7 }}"])
    assert len(ids) == 2 + len(["{{", "7", "*", "7", "}}"])
