"""Counting a teacher's tokens: exact, cheap to import, and one line where there is no tokenizer."""

import json
import subprocess
import sys

import pytest

tokenizers = pytest.importorskip("tokenizers", reason="needs the [train] extra")

from tokenizers.models import WordLevel  # noqa: E402
from tokenizers.pre_tokenizers import WhitespaceSplit  # noqa: E402
from tokenizers.processors import TemplateProcessing  # noqa: E402

from isothink.backends.token_counter import TeacherTokenCounter  # noqa: E402
from isothink.errors import UsageError  # noqa: E402

TEXTS = ["a b c", "", "b", "c a " * 20]
COUNTS = [3, 0, 1, 40]


@pytest.fixture
def folder(tmp_path):
    """A tokenizer that puts tokens around a text, cuts texts at eight tokens and fills them to sixteen."""
    tokenizer = tokenizers.Tokenizer(
        WordLevel({"<pad>": 0, "<s>": 1, "</s>": 2, "a": 3, "b": 4, "c": 5, "<unk>": 6}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=16, pad_token="<pad>")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_whole_texts_are_counted_without_what_is_put_around_them(folder):
    assert TeacherTokenCounter(str(folder)).count(TEXTS) == COUNTS
    assert TeacherTokenCounter(str(folder / "tokenizer.json")).count(TEXTS) == COUNTS
    assert TeacherTokenCounter(str(folder)).count([]) == []


def test_a_folder_needs_neither_torch_nor_transformers(folder):
    code = (
        "import sys, json; from isothink.backends.token_counter import TeacherTokenCounter as C\n"
        f"count = C({str(folder)!r}).count(['a b'])\n"
        "print(json.dumps([*count, 'torch' in sys.modules, 'transformers' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [2, False, False]


def test_a_tokenizer_that_transformers_alone_reads_is_counted_the_same(folder, monkeypatch):
    transformers = pytest.importorskip("transformers", reason="needs the [train] extra")
    fast = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), model_max_length=8)
    asked = []

    def from_pretrained(name, **settings):
        asked.append((name, settings))
        return fast

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", from_pretrained)
    assert TeacherTokenCounter("organisation/model").count(TEXTS) == COUNTS
    assert asked == [("organisation/model", {"trust_remote_code": False})]


def test_where_there_is_none_one_line_says_so(folder, tmp_path, monkeypatch):
    pytest.importorskip("transformers", reason="needs the [train] extra")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    empty = tmp_path / "empty"
    empty.mkdir()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "tokenizer.json").write_text("{")
    for name in (str(tmp_path / "nowhere"), "./nowhere", str(empty), str(broken), "organisation/no-such-model"):
        with pytest.raises(UsageError, match="no tokenizer") as raised:
            TeacherTokenCounter(name)
        assert name in raised.value.message and "\\n" not in raised.value.message
