"""What is imported to tell of commands, and by workers without rules: more would take a second of each start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.calling import clean_environment, command
from tests.cli.test_help import COMMANDS

SLOW = {
    "alembic", "asyncio", "openpyxl", "sqlalchemy", "structlog",
    "engine.driver", "engine.rulebook", "engine.rules", "engine.store", "engine.worker", "transports",
}  # fmt: skip
# Typer reads with it what was typed: of a command that is named, also where only its help is shown.
READING = {"pydantic"}
TOLD = """
import sys
from {module} import main
for words in {calls!r}:
    sys.argv = ["{program}", *words]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, ended.code
print(*sys.modules, file=sys.stderr)
"""


def imported(program: str, module: str, *calls: list[str], **environment: str) -> set[str]:
    """The names of all modules that there are once these commands were called in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", TOLD.format(program=program, module=module, calls=calls)],
        env=clean_environment(**environment), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout
    return set(done.stderr.split())


def test_help_of_the_whole_imports_least() -> None:
    assert imported("engine", "engine.cli.main", ["--help"]) & (SLOW | READING) == set()


def test_help_of_every_command_imports_little() -> None:
    found = imported("engine", "engine.cli.main", *([*name.split(), "--help"] for name in COMMANDS))
    assert "engine.cli.rules.trying" in found
    assert found & SLOW == set()


def test_help_of_the_worker_imports_little() -> None:
    assert imported("engine-worker", "engine.cli.worker", ["--help"]) & (SLOW | READING) == set()


@pytest.mark.parametrize("typed, offered", [("engine ru", "rules"), ("engine rules exp", "export explain")])
def test_completion_offers_commands_and_imports_little(typed: str, offered: str) -> None:
    asked = {
        "_ENGINE_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" ")),
    }  # fmt: skip
    assert imported("engine", "engine.cli.main", [], **asked) & SLOW == set()
    shown = subprocess.run(command("engine"), env=clean_environment(**asked), capture_output=True, text=True)
    assert shown.stdout.split() == offered.split()


def test_a_worker_imports_the_compiler_of_rules_only_with_rules_to_compile() -> None:
    program = "import sys\nimport engine.worker.run\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found = set(done.stdout.split())
    assert "engine.rulebook.rulebook" in found
    assert found & {"engine.rules.decider", "engine.rules.model", "engine.rules.prepared"} == set()
