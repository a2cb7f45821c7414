"""The reference of all commands, as Markdown, made from the commands themselves.

``python -m engine.cli.reference`` prints it; ``docs/reference/cli.md`` is its output.
"""

from __future__ import annotations

import sys
from typing import Any

import typer

from engine.cli import main, worker
from engine.cli.exits import EXITS
from engine.cli.helping import SETTINGS, argument_of, explained, leaves, split_help, usage_of, value_of

_INTRODUCTION = f"""\
# Commands

<!-- Made by `python -m engine.cli.reference > docs/reference/cli.md`, from engine/cli. -->

`engine` starts flows, looks at executions and steers them; `engine-worker` runs them. An execution is named by its id,
or by the first 6 or more characters of it. Colours follow the terminal, and `NO_COLOR` turns them off.

**Errors** are one line on standard error.

**Exit codes**: {EXITS}.

**JSON**: with `--json`, every command that prints data prints one JSON value to standard output. Names that end in
`_us` are microseconds: moments since 1970 in UTC by the database's clock (`created_us`, `started_us`, `finished_us`,
`due_us`, `ready_us`, `expires_us`), and durations (`oldest_us`, `timeout_us`). In jq, `.created_us / 1e6 | todate`
makes a date of one. Inputs, results and what steps report are the JSON values themselves; an error has `type` and
`message`.

**Settings**: these flags may stand before every command of `engine` or after it. All settings are in
[settings.md](settings.md).
"""
_COMPLETION = ("install_completion", "show_completion", "help")


def reference() -> str:
    """Return the whole page."""
    engine: Any = typer.main.get_command(main.app)
    flags = [f"- `{_option(one)}`: {explained(one)}" for one in engine.params if one.name not in _COMPLETION]
    parts = [_INTRODUCTION, *flags, ""]
    parts += [_section(f"engine {name}", command) for name, command in leaves(engine).items()]
    parts.append(_section("engine-worker", typer.main.get_command(worker.app), own_program=True))
    return "\n".join(parts).rstrip() + "\n"


def _section(name: str, command: Any, *, own_program: bool = False) -> str:
    words, examples = split_help(command.help or "")
    lines = [f"## `{name}`", "", f"`{name} {usage_of(command)}`", ""]
    for paragraph in words:
        lines += [paragraph, ""]
    lines += ["```sh", *examples, "```", ""]
    for parameter in command.params:
        if parameter.name == "help" or (not own_program and _for_settings(parameter)):
            continue
        if parameter.param_type_name == "argument":
            lines.append(f"- `{argument_of(parameter)}`: {parameter.help}")
        else:
            lines.append(f"- `{_option(parameter)}`: {explained(parameter)}")
    if own_program:
        lines += ["", f"Exit codes: {command.epilog}."]
    return "\n".join([*lines, ""]).replace("\n\n\n", "\n\n")


def _for_settings(parameter: Any) -> bool:
    return getattr(parameter, "rich_help_panel", None) == SETTINGS


def _option(parameter: Any) -> str:
    return f"{', '.join(parameter.opts)} {value_of(parameter)}".strip()


if __name__ == "__main__":
    sys.stdout.write(reference())
