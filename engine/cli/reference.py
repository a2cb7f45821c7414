"""The reference of all commands, as Markdown, made from the commands themselves.

``python -m engine.cli.reference`` prints it; ``docs/reference/cli.md`` is its output.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

import typer

from engine.cli import main, worker
from engine.cli.exits import EPILOG

_INTRODUCTION = f"""\
# Commands

<!-- Made by `python -m engine.cli.reference > docs/reference/cli.md`, from engine/cli. -->

`engine` starts flows, looks at executions and steers them; `engine-worker` runs them. Errors are one line on standard
error. {EPILOG}

An execution is named by its id, or by the first 6 or more characters of it. Every command that reads has `--json`.
Colours follow the terminal, and `NO_COLOR` turns them off.
"""


def reference() -> str:
    """Return the whole page."""
    engine: Any = typer.main.get_command(main.app)
    parts = [_INTRODUCTION, "## `engine`\n", _options(engine)]
    parts += [_section(f"engine {name}", command) for name, command in engine.commands.items()]
    parts.append(_section("engine-worker", typer.main.get_command(worker.app)))
    return "\n".join(parts).rstrip() + "\n"


def _section(name: str, command: Any) -> str:
    words = [_argument(parameter) for parameter in command.params if parameter.param_type_name == "argument"]
    usage = " ".join([name, "[OPTIONS]", *words])
    return "\n".join([f"## `{name}`\n", f"`{usage}`\n", _help(command.help or ""), _options(command)])


def _argument(parameter: Any) -> str:
    shown = parameter.metavar or parameter.name.upper()
    return shown if parameter.required or shown.startswith("[") else f"[{shown}]"


def _help(text: str) -> str:
    """Return the text, with its indented examples as one block."""
    words: list[str] = []
    examples: list[str] = []
    for line in inspect.cleandoc(text).splitlines():
        if line.strip().startswith("engine"):
            examples.append(line.strip())
        elif line.strip() or not examples:
            words.append(line)
    block = ["```sh", *examples, "```", ""] if examples else []
    return "\n".join(["\n".join(words).strip(), "", *block])


def _options(command: Any) -> str:
    lines: list[str] = []
    for parameter in command.params:
        if parameter.name == "help" or parameter.name.endswith("_completion"):
            continue
        if parameter.param_type_name == "argument":
            lines.append(f"- `{_argument(parameter)}`: {parameter.help}")
            continue
        value = "" if parameter.is_flag else f" {parameter.metavar or parameter.type.name.upper()}"
        default = parameter.default
        shown = f" Default {default}." if isinstance(default, int) and not isinstance(default, bool) else ""
        needed = " Required." if parameter.required else ""
        lines.append(f"- `{', '.join(parameter.opts)}{value}`: {parameter.help}{shown}{needed}")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(reference())
