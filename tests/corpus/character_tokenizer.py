"""A tokenizer of characters, in which every fault that a chat template can have is easy to build."""


class CharacterTokenizer:
    """One token per character; keeps every text as it is."""

    fingerprint = "characters"
    vocabulary_size = 2000
    user, assistant, end_id, pad_id = 1, 2, 3, 0
    end_ids = (3,)

    def encode_prompts(self, prompts):
        return [[self.user, *self.ids(prompt), self.assistant] for prompt in prompts]

    def encode_answers(self, answers):
        return [[*self.ids(answer), self.end_id] for answer in answers]

    def decode(self, ids):
        return "".join(chr(index - 10) for index in ids if index >= 10)

    def trace_tokens(self, ids):
        text = self.decode(ids)
        return text.find("</think>") + len("</think>") if "</think>" in text else 0

    @staticmethod
    def ids(text):
        return [ord(char) + 10 for char in text]
