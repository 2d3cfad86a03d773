"""What a release uploads holds what it needs: a wheel made from the source distribution, installed apart, works."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("pyproject.toml", "README.md", "LICENSE", "src")
BUILD_SDIST = "import setuptools.build_meta as backend; backend.build_sdist('dist')"


def source_distribution(folder):
    """The archive, made in a copy, so that the tree stays as it is."""
    source = folder / "source"
    for part in PARTS:
        place = ROOT / part
        if place.is_dir():
            shutil.copytree(place, source / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            source.mkdir(exist_ok=True)
            shutil.copy(place, source / part)
    built = subprocess.run([sys.executable, "-c", BUILD_SDIST], cwd=source, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    [archive] = (source / "dist").glob("*.tar.gz")
    return archive


def data_files(names):
    """Those in the package that are no modules."""
    return {name for name in names if name.startswith("isothink/") and not name.endswith((".py", "/"))}


def test_a_wheel_from_the_source_distribution_installs_and_runs(tmp_path):
    try:
        if int(version("setuptools").partition(".")[0]) < 77:
            raise PackageNotFoundError
    except PackageNotFoundError:
        pytest.skip("there is no setuptools of version 77 or newer, which builds the package")
    archive = source_distribution(tmp_path)
    make = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*make, "--wheel-dir", str(tmp_path), str(archive)], check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    released = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert wheel.name.startswith(f"isothink-{released}-")
    tree = [path for path in (ROOT / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    wanted = data_files(path.relative_to(ROOT / "src").as_posix() for path in tree)
    with zipfile.ZipFile(wheel) as files:
        assert data_files(files.namelist()) == wanted
    assert {"isothink/py.typed", "isothink/compute/devices.json"} <= wanted
    place = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(place), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(place)}

    def python(*arguments):
        return subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    assert str(place) in python("-c", "import isothink; print(isothink.__file__)").stdout
    assert (place / "isothink" / "py.typed").is_file()
    price = python(
        "-m", "isothink.cli.main", "price", "qwen3-8b", "--prompt-tokens", "9", "--output-tokens", "9", "--json"
    )
    assert json.loads(price.stdout)["parameters"]["total"] > 8e9
    question = ("--corpus", "math", "--family", "math-oe", "--budget", "5e19", "--json")
    asked = python("-m", "isothink.cli.main", "ask", *question)
    assert json.loads(asked.stdout)["basis"] == "published"
    page = (
        "from isothink.report.page import plotting_script, template_text; plotting_script(); template_text('page.css')"
    )
    loaded = python("-c", page)
    assert loaded.returncode == 0, loaded.stderr
    assert python("-m", "isothink.cli.main", "--version").stdout.strip() == released
    assert json.loads(python("-m", "isothink.cli.main", "schema").stdout)["properties"]["arms"]["description"]
    study = place / "study.yaml"
    assert python("-m", "isothink.cli.main", "init", str(study)).stdout.strip() == str(study)
    planned = python("-m", "isothink.cli.main", "plan", str(study), "prompts.per_task=50", "--json")
    assert json.loads(planned.stdout)["total_flops"] > 0
