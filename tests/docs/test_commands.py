"""The commands of the quick start, run as a reader types them."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
import typer

from engine.cli.helping import leaves
from engine.cli.main import app
from tests.docs.pages import PAGES, all_blocks, blocks
from tests.docs.running import DEADLINE_SECONDS, wait_until
from tests.docs.test_quick_start import README, my_flow

BIN = Path(sys.executable).parent
ID = re.compile(r"\b[0-9a-z]{26}\b")


def commands() -> list[list[str]]:
    """Return the commands of the README that call what the package installs, without their comments."""
    lines = [line for block in blocks(README, "sh") for line in block.text.splitlines()]
    return [shlex.split(line.replace(".venv/bin/", f"{BIN}/"), comments=True) for line in lines if ".venv/bin/" in line]


@pytest.mark.slow
def test_the_quick_start_works_as_it_is_typed(tmp_path: Path) -> None:
    serve, start, show = commands()
    (toml,) = blocks(README, "toml")
    (tmp_path / "my_flow.py").write_text(my_flow())
    (tmp_path / "engine.toml").write_text(toml.text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ENGINE_")}

    def run(command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    log = tmp_path / "worker.log"
    with log.open("w") as output, subprocess.Popen(serve, cwd=tmp_path, env=environment, stderr=output) as worker:
        try:
            wait_until(lambda: "worker started" in log.read_text() or worker.poll() is not None, "the worker")
            assert worker.poll() is None, log.read_text()
            (execution_id,) = set(ID.findall(run(start)))
            show = [execution_id if word == "ID" else word for word in show]
            wait_until(lambda: "completed" in run(show).splitlines()[0] + run([*show, "--json"]), "the end of the flow")
            assert "Hello, Ada! Hello, Grace!" in run(show)
        finally:
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(DEADLINE_SECONDS) == 0, log.read_text()


def name_of(words: list[str], known: Collection[str]) -> str | None:
    """Return the name of the command that a line begins with, of one word or of several."""
    names = (" ".join(words[:length]) for length in range(len(words), 0, -1))
    return next((name for name in names if name in known), None)


def test_commands_and_flags_that_the_pages_show_exist() -> None:
    known = {
        name: {flag for parameter in command.params for flag in parameter.opts}
        for name, command in leaves(typer.main.get_command(app)).items()
    }
    groups = {" ".join(words[:length]) for words in map(str.split, known) for length in range(1, len(words))}
    shown = [
        shlex.split(line, comments=True)
        for block in all_blocks("sh")
        for line in block.text.splitlines()
        if line.removeprefix(".venv/bin/").startswith("engine ")
    ]
    assert shown
    wrong = [
        " ".join(words)
        for words in shown
        if (name := name_of(words[1:], known)) is None
        or not {w for w in words[2:] if w.startswith("--")} <= known[name]
    ]
    inline = {name for page in PAGES for name in re.findall(r"`engine ([a-z]+(?: [a-z]+)*)`", page.read_text())}
    assert wrong == []
    assert {words for words in inline if name_of(words.split(), known) is None} <= groups
