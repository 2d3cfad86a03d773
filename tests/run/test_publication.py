"""Students that a study asks to be uploaded: one that could not be keeps its weights, the others' go as they would."""

import json

import pytest

from isothink.run.publication import repository_name

from ..backends.upload_hub import upload_hub
from .tiny import isothink, write_tiny

pytest.importorskip("transformers", reason="training needs the [train] extra")

SMALL = (
    "arms=[ift]",
    "seeds={default: 1}",
    "budgets.training_flops=[4.0e+8]",
    "resources.keep=needed",
    "resources.processes=1",
)


def test_finished_students_are_uploaded_and_one_that_could_not_be_is_kept(tmp_path, monkeypatch):
    write_tiny(tmp_path)
    with upload_hub(refusals=1) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", "hf_averysecrettoken")
        done = isothink("evaluate", "tiny.yaml", "--json", "resources.push_to_hub=lab", *SMALL, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "tiny"
    hubs = {}
    for manifest in run.glob("segments/*/manifest.json"):
        if found := json.loads(manifest.read_text()).get("hub"):
            hubs[manifest.parent] = found
    refused = [place for place, hub in hubs.items() if hub["error"] is not None]
    uploaded = [place for place, hub in hubs.items() if hub["commit"] == "c0ffee"]
    assert len(refused) == len(uploaded) == 1 and len(hubs) == 2
    assert (refused[0] / "model.safetensors").is_file() and not (uploaded[0] / "model.safetensors").exists()
    assert f"lab/tiny-{refused[0].name} could not be uploaded" in done.stderr
    commits = [path for path, _ in server.seen if path.endswith("/commit/main")]
    assert commits == [f"/api/models/lab/tiny-{uploaded[0].name}/commit/main"]
    written = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
    assert b"averysecret" not in written + done.stderr.encode()


@pytest.mark.parametrize(
    ("study", "segment", "name"),
    [
        ("paper", "0.5B-ift-seed0-decay9-abc", "paper-0.5B-ift-seed0-decay9-abc"),
        ("a..b", "c--d.-e-abc", "a-b-c-d-e-abc"),
        ("x" * 64, "s" * 60 + "-ift-seed0-0123456789ab", "x" * 12 + "-" + "s" * 60 + "-ift-seed0-0123456789ab"),
    ],
)
def test_a_repository_is_named_as_the_hub_allows(study, segment, name):
    from huggingface_hub.utils import validate_repo_id

    assert repository_name(study, segment) == name
    validate_repo_id(f"lab/{name}")
