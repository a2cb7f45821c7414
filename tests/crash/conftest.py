from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.site import Sites


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("crash", "crashes of workers and servers")
    group.addoption(
        "--chaos-seconds", type=float, default=None,
        help="the long form of tests/crash: chaos for so long with each store and queue, and recovery measured",
    )  # fmt: skip
    group.addoption("--chaos-seed", type=int, default=None, help="the seed of what happens when; default: another one")


@pytest.fixture
def chaos_seconds(request: pytest.FixtureRequest) -> float | None:
    """How long chaos is to last; None in the short form."""
    # A run of everything reads this file too late to know its options.
    return request.config.getoption("--chaos-seconds", default=None)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    given = request.config.getoption("--chaos-seed", default=None) or os.environ.get("MILEPOST_TEST_SEED")
    return int(given) if given else random.SystemRandom().randrange(1 << 32)


@pytest.fixture
def say(chaos_seconds: float | None, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Print a line of JSON: at once in the long form, else with a test that fails."""

    def line(**values: Any) -> None:
        if chaos_seconds is None:
            print(json.dumps(values))
            return
        with capsys.disabled():
            print("\n" + json.dumps(values), flush=True)

    return line


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database that crashes are tried on."""
    return str(request.param)


@pytest.fixture(params=["embedded", "broker"])
def queue(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sites(kind: str, queue: str, request: pytest.FixtureRequest, tmp_path: Path) -> Sites:
    """Stores of each kind, with each kind of queue."""
    return make_sites(kind, queue, request, tmp_path)


@pytest.fixture
def embedded_sites(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Sites:
    return make_sites(kind, "embedded", request, tmp_path)


@pytest.fixture
def postgresql_sites(queue: str, request: pytest.FixtureRequest, tmp_path: Path) -> Sites:
    return make_sites("postgresql", queue, request, tmp_path)


@pytest.fixture
def mysql_sites(request: pytest.FixtureRequest, tmp_path: Path) -> Sites:
    return make_sites("mysql", "embedded", request, tmp_path)


def make_sites(kind: str, queue: str, request: pytest.FixtureRequest, directory: Path) -> Sites:
    if kind == "sqlite":
        return Sites(kind, queue, None, directory)
    # Skips or fails where there is no server.
    request.getfixturevalue(f"{kind}_url")
    return Sites(kind, queue, request.getfixturevalue(f"{kind}_server"), directory)
