"""The programs that are installed, from the first flow to its result, as a shell sees them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.calling import DEADLINE_SECONDS, clean_environment, command, spawn
from tests.cli.conftest import Past
from tests.worker.serving import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """What `engine new` writes, with a worker that serves it."""
    done = spawn(tmp_path, "new")
    assert (done.code, done.err) == (0, "")
    log = tmp_path / "worker.log"
    with log.open("w") as output:
        worker = subprocess.Popen(command("engine-worker"), cwd=tmp_path, env=clean_environment(), stderr=output)
        try:
            wait_until(lambda: "worker started" in log.read_text() or worker.poll() is not None, "the worker")
            yield tmp_path
        finally:
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(DEADLINE_SECONDS) == 0, log.read_text()


def test_from_the_first_flow_to_its_result(project: Path) -> None:
    waited = spawn(project, "start", "hello", "--arg", "name=Ann", "--wait", "--timeout", "60s")
    assert (waited.code, waited.json) == (0, ["Hello, Ann!", "Bonjour, Ann!", "Guten Tag, Ann!"])
    started = spawn(project, "start", "hello", "--arg", "name=Bob", "--key", "bob", "--json")
    assert started.json["existed"] is False
    id = started.json["id"]
    assert spawn(project, "result", id, "--timeout", "60s").json[0] == "Hello, Bob!"
    shown = spawn(project, "show", id)
    assert (shown.code, shown.err) == (0, "")
    assert "✓ completed" in shown.out
    assert spawn(project, "list", "--json").json[0]["id"] == id
    assert len(spawn(project, "workers", "--json").json) == 1
    failed = spawn(project, "start", "hello", "--arg", "name=Ann", "--arg", "age=3")
    assert (failed.code, len(failed.err.splitlines())) == (2, 1)
    refused = spawn(project, "cancel", id)
    assert refused.code == 1
    assert spawn(project, "show", "zzzzzzzz").code == 3


def test_codes_that_a_shell_sees(past: Past) -> None:
    flags = ("--config", str(past.config))
    assert spawn(past.directory, "result", past.ids["finished"], *flags).code == 0
    assert spawn(past.directory, "result", past.ids["failed"], *flags).code == 4
    late = spawn(past.directory, "result", past.ids["waiting"], "--timeout", "10ms", *flags)
    assert (late.code, late.out, len(late.err.splitlines())) == (5, "", 1)
    wrong = spawn(past.directory, "list", "--nope")
    assert (wrong.code, wrong.out, len(wrong.err.splitlines())) == (2, "", 1)
    worker = spawn(past.directory, "--nope", program="engine-worker")
    assert (worker.code, len(worker.err.splitlines())) == (2, 1)
    assert worker.err.endswith("see engine-worker --help\n")
    missing = spawn(past.directory, "--config", "nowhere.toml", program="engine-worker")
    assert (missing.code, len(missing.err.splitlines())) == (2, 1)


# What a script starts in the background is to pass over interrupts, and so is all that the tests start then.
INTERRUPTED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_an_interrupt_ends_a_wait_quietly(fresh: Past) -> None:
    waiting = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *command("engine", "start", "approval", "--wait")],
        cwd=fresh.directory, env=clean_environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert waiting.stderr is not None
    assert waiting.stderr.readline().startswith("engine: waiting for ")
    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=DEADLINE_SECONDS)
    assert (waiting.returncode, out, err) == (130, "", "")


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["show"], ["--help"], ["show", "--help"]])
def test_a_reader_that_has_seen_enough_is_no_error(past: Past, words: list[str]) -> None:
    id = [past.ids["wide"], "--all"] if words == ["show"] else []
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command("engine", *words, *id), cwd=past.directory, env=clean_environment(), stdout=write,
        stderr=subprocess.PIPE, timeout=DEADLINE_SECONDS,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_plain_terminal_gets_plain_signs(past: Past) -> None:
    for environment in ({"LANG": "C"}, {"LC_ALL": "POSIX"}, {"PYTHONIOENCODING": "ascii"}):
        done = spawn(past.directory, "show", past.ids["failed"], **environment)
        assert done.code == 0
        assert done.out.isascii()
    coloured = spawn(past.directory, "list", FORCE_COLOR="1", TERM="xterm-256color")
    assert "\x1b[" in coloured.out
    assert "\x1b[" not in spawn(past.directory, "list").out
