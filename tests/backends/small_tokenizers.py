"""Small tokenizers of the kinds that real models have, and chat templates that hold the traps of real ones."""

from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE, WordLevel
from transformers import PreTrainedTokenizerFast

SENTENCES = [
    "<think> one and one is two, so the answer is 2 </think>",
    "user assistant system what is the sum of 12 and 30 ?",
    "The answer is 42.\n\nIt follows from  two\tsteps: a = 1;\nb = 2.",
    "You are a helpful assistant. <|im_end|> <|im_start|> I do not know \\boxed{7}",
]

QWEN25 = (
    "{%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}"
    "{%- else %}{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{%- endif %}"
    "{%- for message in messages %}{%- if message.role == 'user' or message.role == 'assistant' %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
"""Ends turns with a token that is not the end of sequence."""

_TURNS = (
    "{%- for message in messages %}{%- set content = message.content %}"
    "{%- if message.role == 'assistant' and '</think>' in content %}"
    "{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}"
    "{{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}{%- endfor %}"
)
QWEN3 = _TURNS + (
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}"
    "{%- endif %}"
)
"""Drops the trace of an answer; an empty think block on request."""

EMPTY_THINK_BY_DEFAULT = _TURNS + (
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if not enable_thinking %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"
)
ALWAYS_THINKS = _TURNS + "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{%- endif %}"
"""As DeepSeek R1."""
OPENS_OR_CLOSES = _TURNS + (
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if thinking %}{{- '<think>' }}{%- else %}{{- '</think>' }}{%- endif %}{%- endif %}"
)
"""As DeepSeek V3.1: no setting leaves the choice to the model."""

LLAMA3 = (
    "{{- bos_token }}{%- if strftime_now is defined %}{%- set date = strftime_now('%d %b %Y %H:%M:%S.%f') %}"
    "{%- else %}{%- set date = 'no clock' %}{%- endif %}"
    "{{- '<|im_start|>system\\n\\nToday: ' + date + '\\n' }}"
    "{%- if messages[0]['role'] == 'system' %}{{- messages[0]['content'] | trim }}{%- set messages = messages[1:] %}"
    "{%- endif %}{{- '<|im_end|>' }}"
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n\\n' + message['content'] | trim + '<|im_end|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n\\n' }}{%- endif %}"
)
"""Trims what it is given, and asks for the date."""

INST = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] }}"
    "{{ ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + eos_token }}"
    "{% else %}{{ raise_exception('only user and assistant roles are known') }}{% endif %}{% endfor %}"
)
"""As Mistral: plain text around the prompt, no system role."""

SHOWS_TWICE = "{% for message in messages %}{{ message.content }} {{ message.content }}<|im_end|>{% endfor %}"
BROKEN = "{% for message in messages %}{{ message.content }"

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
NOT_SPECIAL = ("<tool_call>", "<think>", "</think>")


def byte_level(*, tags: bool) -> Tokenizer:
    """As Qwen and Llama 3: any text survives. With `tags`, the think tags are single tokens (as in Qwen3)."""
    fast = Tokenizer(BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    fast.train_from_iterator(
        SENTENCES, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    )
    fast.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in SPECIAL])
    if tags:
        fast.add_tokens([AddedToken(word, special=False, normalized=False) for word in NOT_SPECIAL])
    return fast


def metaspace(*, tags: bool, scheme: str = "legacy") -> Tokenizer:
    """As Llama 2 (`legacy`) or Mistral (`first`): spaces are letters, and control tokens stand in the vocabulary."""
    fast = Tokenizer(BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    letters = sorted({*"".join(SENTENCES), *(chr(code) for code in range(33, 127))} - {" "})
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    fast.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first" if scheme == "first" else "never", split=False)
    if scheme == "legacy":
        fast.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    fast.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=["▁", *letters], show_progress=False
    )
    fast.train_from_iterator(SENTENCES, trainer)
    state = Tokenizer.from_str(_without_bytes(fast.to_str()))
    state.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in special[:3]])
    if tags:
        state.add_tokens([AddedToken(word, special=False, normalized=False) for word in NOT_SPECIAL])
    return state


def _without_bytes(text: str) -> str:
    """The trainer adds the byte tokens as special ones; in a real vocabulary they are pieces."""
    import json

    state = json.loads(text)
    state["added_tokens"] = [token for token in state["added_tokens"] if not token["content"].startswith("<0x")]
    return json.dumps(state)


def whole_words() -> Tokenizer:
    """A vocabulary of words in which control tokens and think tags are words as well."""
    words = ["<unk>", "<s>", "</s>", "<think>", "</think>", *dict.fromkeys(" ".join(SENTENCES).split())]
    fast = Tokenizer(WordLevel({word: index for index, word in enumerate(dict.fromkeys(words))}, unk_token="<unk>"))
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in words[:3]])
    return fast


def write_tokenizer(folder: Path, fast: Tokenizer, template: str | None = None, **special: str) -> Path:
    """An ordinary Hugging Face folder."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=fast, **special)
    if template is not None:
        tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder
