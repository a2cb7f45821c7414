"""Calling ``engine`` as users do: in this process, or as a program of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from engine.cli.main import app

DEADLINE_SECONDS = 120.0
RUNNER = CliRunner()


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without settings of the engine or of the terminal."""
    unset = ("ENGINE_", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "LC_", "LANG", "TERM")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    return kept | {"LANG": "C.UTF-8"} | more


@dataclass
class Done:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def engine(*words: str, **environment: str) -> Done:
    """Run a command in this process."""
    cleared = {name: None for name in os.environ if name.startswith("ENGINE_")}
    result = RUNNER.invoke(app, list(words), prog_name="engine", env={**cleared, "LANG": "C.UTF-8", **environment})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def command(program: str, *words: str) -> list[str]:
    """The command line of an installed program."""
    return [str(Path(sys.executable).parent / program), *words]


def spawn(directory: Path, *words: str, program: str = "engine", **environment: str) -> Done:
    """Run a command as a program of its own."""
    done = subprocess.run(
        command(program, *words), cwd=directory, env=clean_environment(**environment), capture_output=True,
        stdin=subprocess.DEVNULL, timeout=DEADLINE_SECONDS,
    )  # fmt: skip
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())
