"""``engine-worker`` as people run it: what it says at its start, what it refuses, and its exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.worker.banner import MOST_NAMES, banner
from tests.worker.serving import PATIENCE_SECONDS, Store, kill, wait_until

MY_FLOW = """\
from engine import flow, step


@step
def greet(name: str) -> str:
    return f"Hello, {name}"


@flow
async def welcome(name: str) -> str:
    return await greet(name)


@flow(version=2, name="welcome")
async def welcome_2(name: str) -> str:
    return await greet(name)
"""
COMMAND = [sys.executable, "-m", "engine.cli.worker"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "my_flow.py").write_text(MY_FLOW)
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("ENGINE_")}
    return own | {"NO_COLOR": "1", "COLUMNS": "160"} | more


def refused(home: Path, *arguments: str, **more: str) -> tuple[int, list[str]]:
    """Run the command to its end; return its exit code and the lines on standard error."""
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=home, env=environment(**more), capture_output=True, text=True, timeout=60
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


@contextmanager
def running(home: Path, *arguments: str, **more: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run the command in the background; its standard error goes to a file."""
    said = home / "said.txt"
    with said.open("wb") as err:
        process = subprocess.Popen([*COMMAND, *arguments], cwd=home, env=environment(**more), stderr=err)
    try:
        yield process, said
    finally:
        if process.poll() is None:
            kill(process)


# -- what it says ------------------------------------------------------------------------------------------------------


def test_on_a_terminal_it_introduces_itself(home: Path) -> None:
    main, terminal = pty.openpty()
    arguments = ["--flows", "my_flow.py", "--store", "sqlite:///m.db", "--queues", "default,mail", "--concurrency", "7"]
    process = subprocess.Popen([*COMMAND, *arguments], cwd=home, env=environment(), stderr=terminal)
    os.close(terminal)
    try:
        text = _read_until(main, "greet")
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        if process.poll() is None:
            kill(process)
        os.close(main)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\r", "").splitlines()
    assert lines[0].startswith("Milepost ")
    assert dict(line.split(maxsplit=1) for line in lines[1:8]) == {
        "worker": lines[1].split()[1],
        "store": "sqlite:///m.db",
        "broker": "none: steps are claimed from the store",
        "queues": "default, mail",
        "concurrency": "7 steps at a time",
        "flows": "welcome, welcome/2",
        "steps": "greet",
    }
    assert lines[1].split()[1].endswith(f":{process.pid}")
    assert len({re.match(r" +\w+ +", line).end() for line in lines[1:8]}) == 1, "aligned"  # type: ignore[union-attr]


def _read_until(descriptor: int, wanted: str) -> str:
    text = ""
    while wanted not in text:
        ready, _, _ = select.select([descriptor], [], [], PATIENCE_SECONDS)
        assert ready, text
        text += os.read(descriptor, 4096).decode()
    return text


def test_logs_are_one_object_a_line(home: Path) -> None:
    with running(home, "--flows", "my_flow.py", "--store", "sqlite:///m.db", "--json-logs") as (process, said):
        wait_until(lambda: "worker started" in said.read_text() or process.poll() is not None)
        store = Store(f"sqlite:///{home / 'm.db'}")
        assert store.run("welcome", version=2, name="Ada") == "Hello, Ada"
        store.close()
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    events: list[dict[str, Any]] = [json.loads(line) for line in said.read_text().splitlines()]
    assert [event["event"] for event in events] == ["worker started", "worker stopped"]
    started = events[0]
    assert started["level"] == "info"
    assert (started["queues"], started["flows"], started["steps"]) == (["default"], ["welcome", "welcome/2"], ["greet"])
    assert started["worker"] == f"{os.uname().nodename}:{process.pid}"


@pytest.mark.servers
def test_it_works_from_the_configuration_alone_and_hides_passwords(home: Path, empty_postgresql_url: str) -> None:
    password = re.search(r":([^:@/]+)@", empty_postgresql_url)
    assert password is not None
    (home / "engine.toml").write_text(
        f'flows = ["my_flow.py"]\n[store]\nurl = "{empty_postgresql_url}"\nauto_migrate = true\n'
        "[worker]\nconcurrency = 3\n"
    )
    with running(home) as (process, said):
        wait_until(lambda: "worker started" in said.read_text() or process.poll() is not None)
        store = Store(empty_postgresql_url)
        assert store.run("welcome", name="Ada") == "Hello, Ada"
        store.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0
    text = said.read_text()
    assert '"concurrency": 3' in text
    assert ":***@" in text
    assert password[1] not in text


def test_the_help_has_examples(home: Path) -> None:
    done = subprocess.run([*COMMAND, "--help"], cwd=home, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "engine-worker --flows my_flow.py --store sqlite:///milepost.db" in done.stdout
    assert "0 stopped as told" in done.stdout, "and the exit codes"


# -- what it refuses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, parts",
    [
        ([], ["no module with flows or steps is named", "flows =", "ENGINE_FLOWS", "--flows"]),
        (["--processes", "2"], ["no module with flows or steps is named"]),
        (["--flows", "nowhere.flows"], ["nowhere"]),
        (["--flows", "missing.py"], ["there is no file 'missing.py'"]),
        (["--flows", "empty.py"], ["holds no flow and no step"]),
        (["--flows", "broken.py"], ["broken.py", "no such thing"]),
        (["--flows", "my_flow.py", "--concurrency", "0"], ["concurrency"]),
        (["--flows", "my_flow.py", "--store", "oracle://host/db"], ["oracle"]),
        (["--flows", "my_flow.py", "--store", "sqlite://"], ["in memory", "use a file"]),
        (["--flows", "my_flow.py", "--config", "missing.toml"], ["missing.toml"]),
    ],
)
def test_what_cannot_be_used_is_one_line(home: Path, arguments: list[str], parts: list[str]) -> None:
    (home / "empty.py").write_text("")
    (home / "broken.py").write_text("raise RuntimeError('no such thing')\n")
    code, lines = refused(home, *arguments)
    assert (code, len(lines)) == (2, 1), lines
    assert lines[0].startswith("engine-worker: ")
    for part in parts:
        assert part in lines[0]


def test_a_wrong_file_is_one_line(home: Path) -> None:
    (home / "engine.toml").write_text("[worker]\nconcurency = 5\n")
    code, lines = refused(home, "--flows", "my_flow.py")
    assert (code, len(lines)) == (2, 1), lines
    assert "concurency" in lines[0]
    assert "concurrency" in lines[0], "with a suggestion"


@pytest.mark.servers
def test_tables_that_are_missing_are_one_line(home: Path, empty_postgresql_url: str) -> None:
    code, lines = refused(home, "--flows", "my_flow.py", ENGINE_STORE=empty_postgresql_url)
    assert (code, len(lines)) == (2, 1), lines
    assert "engine migrate" in lines[0]


def test_a_server_that_is_away_is_one_line(home: Path) -> None:
    url = "postgresql://milepost:secret@127.0.0.1:1/milepost"
    code, lines = refused(home, "--flows", "my_flow.py", "--store", url)
    assert (code, len(lines)) == (1, 1), lines
    assert "not available" in lines[0]
    assert "secret" not in lines[0]


# -- the banner --------------------------------------------------------------------------------------------------------


def facts(**changed: Any) -> dict[str, Any]:
    return {
        "version": "1.2.3", "worker": "host:1", "store": "sqlite:///m.db", "broker": "sql", "queues": ["default"],
        "concurrency": 1, "flows": ["a", "b/2"], "steps": [], "triggers": [],
    } | changed  # fmt: skip


def test_the_banner() -> None:
    assert banner(facts()).plain.splitlines() == [
        "Milepost 1.2.3",
        "  worker       host:1",
        "  store        sqlite:///m.db",
        "  broker       none: steps are claimed from the store",
        "  queues       default",
        "  concurrency  1 step at a time",
        "  flows        a, b/2",
        "  steps        none",
    ]


def test_long_lists_are_wrapped_and_cut() -> None:
    names = [f"number_{number}" for number in range(MOST_NAMES + 5)]
    url = "amqps://user:***@" + "broker." * 20 + "example.com/"
    text = banner(facts(steps=names, broker=url), width=60).plain
    assert "and 5 more" in text
    assert url in text, "a URL is there to be copied"
    assert all(len(line) <= 60 for line in text.splitlines() if url not in line)
    assert all(line.startswith(" " * 15) for line in text.splitlines()[8:])


def test_names_are_not_markup() -> None:
    assert "[bold]x[/bold]" in banner(facts(queues=["[bold]x[/bold]"])).plain
