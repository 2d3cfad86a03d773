"""A chat model of 43,000 parameters with a reasoning mode, trained in seconds: repeats words, after a trace or without.

Its prompts are words; with reasoning on it spells each of them out in the trace, and in both modes it answers with the
last one. Its think tags are special tokens, as in some published vocabularies.
"""

from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

WORDS = "red green blue black white grey".split()
SPECIAL = ["<pad>", "<user>", "<assistant>", "<system>", "<end>", "<stop>", "<think>", "</think>"]
TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}> {{ message.content }} {% endfor %}"
    "{% if add_generation_prompt %}<assistant> <think>{% if not enable_thinking %} </think>{% endif %}{% endif %}"
)
SHAPE = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
}


def build_tokenizer():
    words = {word: index for index, word in enumerate([*SPECIAL, *WORDS, "<unk>"])}
    fast = Tokenizer(WordLevel(words, unk_token="<unk>"))
    fast.pre_tokenizer = WhitespaceSplit()
    fast.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in SPECIAL])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=fast, pad_token="<pad>", eos_token="<end>", unk_token="<unk>")
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def example(words, thinking):
    """A whole conversation, and how much of it is prompt."""
    prompt = ["<user>", *words, "<assistant>", "<think>"]
    if thinking:
        return [*prompt, *words, "</think>", words[-1], "<end>"], len(prompt)
    return [*prompt, "</think>", words[-1], "<end>"], len(prompt) + 1


def build(folder: Path, steps: int = 250) -> Path:
    """Trains the model on up to three distinct words, and writes it to `folder` as an ordinary Hugging Face folder."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model("qwen3", vocab_size=len(tokenizer), eos_token_id=4, pad_token_id=0, **SHAPE)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    picks = torch.Generator().manual_seed(0)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 5e-3 * (1 - step / steps)
        batch = []
        for row in range(32):
            count = int(torch.randint(1, 4, (1,), generator=picks))
            words = [WORDS[index] for index in torch.randperm(len(WORDS), generator=picks)[:count]]
            batch.append(example(words, thinking=row % 2 == 0))
        longest = max(len(tokens) for tokens, _ in batch)
        ids = torch.zeros(len(batch), longest, dtype=torch.long)
        labels = torch.full_like(ids, -100)
        for row, (tokens, start) in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokenizer.convert_tokens_to_ids(tokens))
            labels[row, start : len(tokens)] = ids[row, start : len(tokens)]
        loss = model(ids, attention_mask=(ids != 0).long(), labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
