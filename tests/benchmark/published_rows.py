"""A few rows of every published benchmark, made up here in its schema, with what they should become."""

from typing import Any

LETTERED = {"question": "Which is even?", "subject": "miscellaneous", "choices": ["3", "4", "5", "7"], "answer": 1}
PRO = {
    "question_id": 1,
    "question": "Which is prime?",
    "options": ["4", "6", "8", "9", "10", "12", "11"],
    "answer": "G",
    "answer_index": 6,
    "cot_content": "",
    "src": "made up",
}

ROWS: dict[str, tuple[dict[str, Any], str, str]] = {
    # name: (row, a part of the prompt, the reference)
    "winogrande": (
        {"sentence": "The cup fits the bag as the _ is big.", "option1": "cup", "option2": "bag", "answer": "2"},
        "The cup fits the bag as the _ is big.\n\nA. cup\nB. bag",
        "B",
    ),
    "openbookqa": (
        {
            "id": "1",
            "question_stem": "What melts ice?",
            "choices": {"text": ["cold", "shade", "heat", "night"], "label": ["A", "B", "C", "D"]},
            "answerKey": "C",
        },
        "What melts ice?\n\nA. cold\nB. shade\nC. heat\nD. night",
        "C",
    ),
    "mmlu-misc": (LETTERED, "Which is even?\n\nA. 3\nB. 4\nC. 5\nD. 7", "B"),
    "mmlu-math": ({**LETTERED, "subject": "abstract_algebra", "answer": 0}, "A. 3\nB. 4", "A"),
    "aqua-rat": (
        {"question": "1 + 1?", "options": ["A)1", "B)2", "C)3", "D)4", "E)5"], "rationale": "", "correct": "B"},
        "1 + 1?\n\nA. 1\nB. 2\nC. 3\nD. 4\nE. 5",
        "B",
    ),
    "mmlu-pro-math": ({**PRO, "category": "math"}, "F. 12\nG. 11", "G"),
    "mmlu-pro-law": ({**PRO, "category": "law"}, "F. 12\nG. 11", "G"),
    "mmlu-pro-code": ({**PRO, "category": "computer science"}, "F. 12\nG. 11", "G"),
    "mmlu-pro-physics": ({**PRO, "category": "physics"}, "F. 12\nG. 11", "G"),
    "gsm8k": (
        {"question": "What is 6 times 7?", "answer": "6 * 7 = <<6*7=42>>42\n#### 42"},
        "What is 6 times 7?",
        "42",
    ),
    "math-500": (
        {
            "problem": "Simplify $\\frac{2}{4}$.",
            "solution": "It is $\\boxed{\\frac{1}{2}}$.",
            "answer": "\\frac{1}{2}",
            "subject": "Prealgebra",
            "level": 1,
            "unique_id": "1",
        },
        "Simplify $\\frac{2}{4}$.",
        "\\frac{1}{2}",
    ),
    "aime-2025": ({"problem": "Find 7 + 63.", "answer": "70", "id": "0"}, "Find 7 + 63.", "70"),
    "consumer-qa": (
        {"index": "0", "answer": "No", "contract": "We may end the service.", "question": "Is it for ever?"},
        "We may end the service.\n\nAnswer this question about the contract with Yes or No.\nIs it for ever?",
        "No",
    ),
    "squad": (
        {
            "id": "1",
            "title": "Tea",
            "context": "Tea came to England in the 1650s.",
            "question": "When did tea come to England?",
            "answers": {"text": ["the 1650s", "1650s", "the 1650s"], "answer_start": [24, 28, 24]},
        },
        "Tea came to England in the 1650s.\n\nAnswer this question with a few words from the text.\nWhen did",
        "the 1650s",
    ),
    "coqa": (
        {
            "source": "wikipedia",
            "story": "Ann has a red cup. Bob has none.",
            "questions": ["Who has a cup?", "What colour is it?"],
            "answers": {"input_text": ["Ann", "red"], "answer_start": [0, 10], "answer_end": [3, 13]},
        },
        "with a few words.\nQuestion: Who has a cup?\nPut",
        "Ann",
    ),
    "ifeval": (
        {
            "key": 1000,
            "prompt": "Write about tea without commas.",
            "instruction_id_list": ["punctuation:no_comma"],
            "kwargs": [{"num_words": None, "relation": None}],
        },
        "Write about tea without commas.",
        '[{"arguments": {}, "instruction": "punctuation:no_comma"}]',
    ),
    "scibench": (
        {
            "problem_text": "Find the moment of inertia.",
            "answer_latex": " 2.73",
            "answer_number": "2.73",
            "unit": "$10^{-47} \\mathrm{~kg} \\mathrm{~m}^2$",
            "source": "atkins",
            "problemid": "1",
            "comment": " ",
            "solution": "",
        },
        "Find the moment of inertia.\n\nGive the answer as a number. Its unit: $10^{-47} \\mathrm{~kg}",
        "2.73",
    ),
    "code-summarisation-c": (
        {
            "function_name": "add",
            "function": "int add(int a, int b) { return a + b; }",
            "comment": "/* Adds two numbers. */",
            "normalized_comment": "Adds two numbers.",
        },
        "this C function does.\n\nint add(int a, int b) { return a + b; }",
        "Adds two numbers.",
    ),
}
