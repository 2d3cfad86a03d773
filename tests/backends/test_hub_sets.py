"""Data sets are read from folders, from a Hub on loopback, and from the cache; what goes wrong is one line."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

datasets = pytest.importorskip("datasets")

from isothink.backends.hub_sets import read_hub_set  # noqa: E402
from isothink.domain.prompt_settings import HubSet  # noqa: E402
from isothink.errors import UsageError  # noqa: E402
from isothink.store.rows import Row  # noqa: E402
from isothink.teacher.prompt_rows import prompt_rows, source_of  # noqa: E402
from isothink.teacher.reading import read_reply  # noqa: E402

CARD = """---
configs:
- config_name: pairs
  data_files:
  - split: train
    path: data/pairs.parquet
  - split: test
    path: data/few.parquet
- config_name: other
  data_files:
  - split: train
    path: data/other.parquet
---
# A data set
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def table(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path, cache):
    place = tmp_path / "set"
    table(place / "data/pairs.parquet", prompt=["a", "b\0\U0001f600"], ift=["1", None])
    table(place / "data/few.parquet", prompt=["t"], ift=["2"])
    table(place / "data/other.parquet", text=["x"] * 200)
    (place / "README.md").write_text(CARD)
    return place


def opened(name, **settings):
    return read_hub_set(HubSet.model_validate({"kind": "hub", "name": str(name), **settings}))


def test_a_folder_is_read_by_configuration_and_split(folder):
    found = opened(folder, config="pairs")
    rows = [Row(1, {"prompt": "a", "ift": "1"}), Row(2, {"prompt": "b\0\U0001f600", "ift": None})]
    assert (found.revision, found.count, found.columns) == (None, 2, ("prompt", "ift"))
    assert list(found.rows()) == rows == list(found.rows())
    assert [row.values["prompt"] for row in opened(folder, config="pairs", split="test").rows()] == ["t"]
    assert opened(folder, config="pairs", split="train[:1]").count == 1
    assert [row.number for row in opened(folder, config="other").rows()] == list(range(1, 201))


def test_the_published_sets_form_loads_as_finished_pairs(tmp_path, cache):
    place = tmp_path / "general-reasoning-ift-pairs"
    table(
        place / "data/reasoning_ift_pairs-00000-of-00001.parquet",
        prompt=["Why?"],
        reasoning=["<think>\nHm.\n</think>\n\nThus."],
        ift=["So."],
    )
    files = "  data_files:\n  - split: reasoning_ift_pairs\n    path: data/reasoning_ift_pairs-*\n"
    (place / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n{files}---\n")
    chosen = HubSet.model_validate(
        {"kind": "hub", "name": str(place), "split": "reasoning_ift_pairs", "rows": {"layout": "pairs"}}
    )
    (row,) = prompt_rows(read_hub_set(chosen).rows(), chosen, source=source_of(chosen))
    assert (row.source, row.prompt.text) == ("general-reasoning-ift-pairs", "Why?")
    on = read_reply(row.on, "on")
    assert (read_reply(row.off, "off").answer, on.trace, on.answer) == ("So.", "Hm.", "Thus.")


def test_data_that_changes_under_an_unchanged_card_is_read_anew(folder):
    before = opened(folder, config="pairs")
    table(folder / "data/pairs.parquet", prompt=["new"], ift=["1"])
    after = opened(folder, config="pairs")
    assert [row.values["prompt"] for row in after.rows()] == ["new"]
    assert before.fingerprint != after.fingerprint
    assert next(before.rows()).values["prompt"] == "a", "what is open stays as it was"


def test_two_folders_of_one_name_are_told_apart_and_one_contents_has_one_fingerprint(tmp_path, cache):
    for place, text in (("a", "x"), ("b", "y"), ("c", "x")):
        table(tmp_path / place / "set/train.parquet", prompt=[text])
    found = [opened(tmp_path / place / "set") for place in ("a", "b", "c")]
    assert [next(one.rows()).values["prompt"] for one in found] == ["x", "y", "x"]
    assert found[0].fingerprint == found[2].fingerprint != found[1].fingerprint


def test_nothing_is_printed_and_the_libraries_settings_stay(folder, capfd):
    bars = datasets.are_progress_bars_disabled()
    level = datasets.utils.logging.get_verbosity()
    list(opened(folder, config="pairs").rows())
    assert capfd.readouterr() == ("", "")
    assert (bars, level) == (datasets.are_progress_bars_disabled(), datasets.utils.logging.get_verbosity())


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"config": "nope"}, ["nope", "pairs", "other"]),
        ({}, ["pairs", "other"]),
        ({"config": "pairs", "split": "nope"}, ["nope", "train", "test"]),
        ({"config": "pairs", "split": "train[:"}, ["train[:"]),
    ],
)
def test_what_a_folder_does_not_have_is_one_line_with_what_it_has(folder, settings, parts):
    with pytest.raises(UsageError) as caught:
        opened(folder, **settings)
    assert caught.value.message.startswith(f"{folder}: ")
    assert all(part in caught.value.message for part in parts) and "load_dataset" not in caught.value.message


def test_a_damaged_file_and_an_empty_folder_are_one_line(tmp_path, cache):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/train.parquet").write_bytes(b"PAR1 nonsense")
    (tmp_path / "empty").mkdir()
    for name, fault in (("bad", "arquet"), ("empty", "data files")):
        with pytest.raises(UsageError, match=fault) as caught:
            opened(tmp_path / name)
        assert caught.value.message.startswith(f"{tmp_path / name}: ")


@pytest.mark.parametrize("name", ["/no/such/folder", "../none", "a/b/c", "csv", "parquet", "json", "bad name", "x//"])
def test_names_that_are_neither_a_folder_nor_on_the_hub_are_not_looked_up(name, monkeypatch):
    monkeypatch.setattr("isothink.backends.hub_sets.HfApi", lambda: pytest.fail("the Hub was asked"))
    with pytest.raises(UsageError, match="no such folder"):
        opened(name)


# a Hub on loopback; the libraries read its address when they are imported, so each visit is a process of its own


def hub_files():
    buffer = io.BytesIO()
    pq.write_table(pa.table({"question": ["a", "b"], "answer": ["1", "2"]}), buffer)
    card = "---\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: main/train.parquet\n---\n"
    return {"README.md": card.encode(), "main/train.parquet": buffer.getvalue()}


class Hub(BaseHTTPRequestHandler):
    """The few answers of the Hub that reading a data set takes."""

    files = hub_files()
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "X-Repo-Commit": COMMIT, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        path = self.path.split("?")[0]
        if "/gated/" in path:
            return self.answer(401, b"{}", X_Error_Code="GatedRepo")
        if "/broken/" in path:
            return self.answer(500, b"<html>")
        if "/test/set" not in path:
            return self.answer(401, b"{}", X_Error_Code="RepoNotFound")
        if "/resolve/" in path:
            body = self.files.get(path.split("/resolve/")[1].partition("/")[2])
            if body is None:
                return self.answer(404, X_Error_Code="EntryNotFound")
            return self.answer(200, body, ETag=f'"{hashlib.sha1(body).hexdigest()}"')
        if "/tree/" in path:
            return self.answer(200, json.dumps([self.entry(name) for name in self.files if "/" in name]).encode())
        if path.endswith(("/revision/main", f"/revision/{COMMIT}")):
            info = {"id": "test/set", "sha": COMMIT, "siblings": [{"rfilename": name} for name in self.files]}
            return self.answer(200, json.dumps(info).encode())
        return self.answer(404, b"{}", X_Error_Code="RevisionNotFound")

    do_HEAD = do_GET  # noqa: N815

    def entry(self, name):
        return {"type": "file", "path": name, "size": len(self.files[name]), "oid": "0" * 40}


@contextmanager
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


VISIT = """
import json, sys
from isothink.backends.hub_sets import read_hub_set
from isothink.domain.prompt_settings import HubSet
from isothink.errors import UsageError

def visit(settings):
    try:
        found = read_hub_set(HubSet.model_validate({"kind": "hub", **settings}))
    except UsageError as error:
        return {"error": error.message, "hint": error.hint}
    return {"revision": found.revision, "rows": [row.values for row in found.rows()]}

print(json.dumps([visit(settings) for settings in json.loads(sys.argv[1])]))
"""


def visits(address, home, *settings):
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", VISIT, json.dumps(settings)],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_a_data_set_comes_from_the_hub_once_and_then_from_the_cache(tmp_path):
    rows = [{"question": "a", "answer": "1"}, {"question": "b", "answer": "2"}]
    with hub() as address:
        online = visits(
            address,
            tmp_path,
            {"name": "test/set", "config": "main"},
            {"name": "test/set", "config": "main", "revision": COMMIT},
            {"name": "test/set", "config": "main", "revision": "v7"},
            {"name": "test/set", "config": "nope"},
            {"name": "test/set", "config": "main", "split": "nope"},
            {"name": "gated/set"},
            {"name": "none/set"},
            {"name": "broken/set"},
        )
    assert online[:2] == [{"revision": COMMIT, "rows": rows}] * 2
    errors = [found["error"] for found in online[2:]]
    assert errors[0] == "test/set: no revision 'v7' on the Hub"
    assert "nope" in errors[1] and "main" in errors[1] and "nope" in errors[2] and "train" in errors[2]
    assert "gated" in errors[3] and "log in" in online[5]["hint"]
    assert "no such data set on the Hub" in errors[4]
    assert "cannot be reached" in errors[5] and "local copy" in online[7]["hint"]

    offline = visits(
        address,
        tmp_path,
        {"name": "test/set", "config": "main"},
        {"name": "test/set", "config": "main", "revision": COMMIT},
        {"name": "test/set", "config": "main", "revision": "v7"},
        {"name": "other/set", "config": "main"},
    )
    assert offline[:2] == [{"revision": COMMIT, "rows": rows}] * 2
    assert f"of revision {COMMIT}, not v7" in offline[2]["error"]
    assert offline[3]["error"] == "other/set: the Hub cannot be reached, and it is not in the cache"
