"""Finished students are uploaded to a Hub on loopback: private, whole, and without the token in what is said."""

import base64
import json

import pytest

pytest.importorskip("huggingface_hub", reason="comes with the [train] extra")

from huggingface_hub import constants

from isothink.backends.hub_upload import upload_student
from isothink.errors import StepError

from .upload_hub import upload_hub

TOKEN = "hf_averysecrettoken"


@pytest.fixture
def student(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    folder = tmp_path / "student"
    folder.mkdir()
    for name in ("model.safetensors", "config.json", "README.md", "optimizer.safetensors", "metrics.parquet"):
        (folder / name).write_bytes(f"contents of {name}".encode())
    return folder


def test_a_student_is_uploaded_as_a_private_model_without_what_only_training_needs(student, monkeypatch):
    with upload_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        assert upload_student(student, "lab/student") == "c0ffee"
        requests = dict(server.seen)
    created = json.loads(requests["/api/repos/create"])
    assert (created["name"], created["organization"]) == ("student", "lab")
    assert created.get("private") or created.get("visibility") == "private", "by older and newer clients"
    lines = [json.loads(line) for line in requests["/api/models/lab/student/commit/main"].splitlines()]
    sent = {line["value"]["path"]: line["value"]["content"] for line in lines if line["key"] == "file"}
    assert sorted(sent) == ["README.md", "config.json", "model.safetensors"]
    assert base64.b64decode(sent["config.json"]) == b"contents of config.json"


@pytest.mark.parametrize("reachable", [True, False])
def test_what_goes_wrong_is_one_line_without_the_token(student, monkeypatch, reachable):
    with upload_hub(refusals=9) as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url if reachable else "http://127.0.0.1:9")
        with pytest.raises(StepError) as caught:
            upload_student(student, "lab/student")
    text = f"{caught.value.message} {caught.value.hint}"
    assert caught.value.message.startswith("lab/student could not be uploaded: ")
    assert TOKEN not in text and "\n" not in text
    assert ("[redacted]" in text) == reachable
