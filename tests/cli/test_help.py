"""Help: every command has examples that work, says its flags and its exit codes, and fits the terminal."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from engine.cli import worker
from engine.cli.helping import leaves, split_help
from engine.cli.main import app
from engine.cli.reference import reference
from tests.cli.calling import engine

GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = leaves(GROUP)
ASKED_FOR = {
    "doctor",
    "start", "show", "list", "result", "signal", "cancel", "pause", "resume", "retry", "rerun", "workers", "queues",
    "migrate", "prune", "config", "new",
    "queues pause", "queues resume",
    "messages list", "messages show", "messages replay", "messages drop",
    "rules import", "rules list", "rules show", "rules export", "rules check", "rules diff",
    "rules test", "rules activate", "rules rollback", "rules tag", "rules decisions", "rules explain",
    "rules backtest", "rules shadow",
    "rules shadowed", "rules require", "rules scenarios add", "rules scenarios list", "rules scenarios show",
    "rules scenarios record", "rules scenarios remove", "rules scenarios export",
}  # fmt: skip
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"


def examples(command: Any) -> list[list[str]]:
    """The examples of a command as words, without what a shell does with their output."""
    lines = split_help(command.help)[1]
    return [shlex.split(re.split(r" \|\|? ", line)[0]) for line in lines]


def test_there_is_every_command_that_was_asked_for() -> None:
    assert COMMANDS.keys() == ASKED_FOR
    assert len({command.rich_help_panel for command in GROUP.commands.values()}) == 5


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_a_call_that_works(name: str) -> None:
    found = examples(COMMANDS[name])
    assert found
    for words in found:
        path = name.split()
        assert words[: len(path) + 1] == ["engine", *path]
        COMMANDS[name].make_context(name, words[len(path) + 1 :])


def test_the_examples_of_the_whole_and_of_the_worker_work_too() -> None:
    for words in examples(GROUP):
        COMMANDS[words[1]].make_context(words[1], words[2:])
    serve: Any = typer.main.get_command(worker.app)
    assert len(examples(serve)) > 2
    for words in examples(serve):
        serve.make_context("engine-worker", words[1:])


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_everything_and_fits(name: str) -> None:
    done = engine(*name.split(), "--help", COLUMNS="80")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"usage: engine {name} [OPTIONS]")
    for title in ("Examples", "Options", "Settings (before the command or after it)", "Exit codes"):
        assert f"\n{title}\n" in done.out
    for parameter in COMMANDS[name].params:
        assert parameter.help, parameter.name
        for flag in parameter.opts if parameter.param_type_name == "option" else ():
            assert flag in done.out
    shown = [line for line in done.out.splitlines() if not line.startswith("  engine")]
    assert max(map(len, shown)) <= 80
    assert engine(*name.split(), "-h", COLUMNS="80").out == done.out


@pytest.mark.parametrize("name", COMMANDS)
def test_flags_for_settings_are_those_of_every_command(name: str) -> None:
    flags = {flag for parameter in COMMANDS[name].params for flag in parameter.opts}
    assert {"--config", "--store", "--flows"} <= flags
    assert ("--json" in flags) == (name != "new")


def test_help_of_the_whole_lists_the_commands() -> None:
    done = engine("--help")
    assert done.code == 0
    for name in GROUP.commands:
        assert re.search(rf"^  {name} +[A-Z]", done.out, re.MULTILINE), name
    bare = engine()
    assert (bare.code, bare.out) == (0, done.out)


def test_help_is_plain_where_the_locale_is() -> None:
    assert engine("start", "--help", LANG="C", LC_ALL="C").out.isascii()


def test_the_reference_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), "python -m engine.cli.reference > docs/reference/cli.md"


def test_the_reference_tells_of_every_command_and_flag() -> None:
    text = PAGE.read_text()
    for name, command in COMMANDS.items():
        section = text.split(f"## `engine {name}`\n", 1)[1].split("\n## ", 1)[0]
        for parameter in command.params:
            if parameter.name not in ("config", "store", "flows"):
                assert parameter.help in section
        for words in split_help(command.help)[1]:
            assert words in section
    assert "`created_us`" in text
