"""The help of commands: how it is called, examples, arguments, options, and what it exits with."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Iterable
from typing import Any, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from engine.cli.exits import EXITS
from engine.cli.session import console, in_ascii

SETTINGS: Final = "Settings"
"""The panel of the flags that every command takes."""
_WIDEST: Final = 100


def help_text(command: Any, ctx: Any) -> str:
    """Return the help of a command, coloured where the terminal shows colours."""
    own_program = ctx.parent is None and not hasattr(command, "commands")
    terminal = console()
    file = io.StringIO()
    out = console(file=file, like=terminal, width=min(terminal.width, _WIDEST))
    usage = Text.assemble(("usage: ", "dim"), (ctx.command_path, "bold"), f" {usage_of(command)}")
    out.print(usage, soft_wrap=True)
    words, examples = split_help(command.help or "")
    for paragraph in words:
        out.print()
        out.print(Text(paragraph.replace("`", "")))
    if examples:
        _section(out, "Examples")
        for example in examples:
            out.print(Text(f"  {example}", style="green"), soft_wrap=True)
    _commands(out, command)
    parameters = command.get_params(ctx)
    arguments = [one for one in parameters if one.param_type_name == "argument"]
    options = [one for one in parameters if one.param_type_name == "option"]
    _table(out, "Arguments", ((Text(argument_of(one), style="cyan"), one.help or "") for one in arguments))
    own = [one for one in options if one.rich_help_panel != SETTINGS]
    _table(out, "Options", ((_option(one), explained(one)) for one in own))
    shared = [one for one in options if one.rich_help_panel == SETTINGS]
    title = SETTINGS if own_program else f"{SETTINGS} (before the command or after it)"
    _table(out, title, ((_option(one), one.help or "") for one in shared))
    _section(out, "Exit codes")
    out.print(Padding(Text(command.epilog or EXITS), (0, 0, 0, 2)))
    text = "\n".join(line.rstrip() for line in file.getvalue().splitlines())
    return text.encode("ascii", "replace").decode() if in_ascii(sys.stdout) else text


def leaves(group: Any, path: str = "") -> dict[str, Any]:
    """Return every command that does something, by its name; those of a group by both names."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        if not hasattr(command, "commands") or command.invoke_without_command:
            found[path + name] = command
        if hasattr(command, "commands"):
            found |= leaves(command, f"{path}{name} ")
    return found


def usage_of(command: Any) -> str:
    """Return what follows the name of a command on the command line."""
    if hasattr(command, "commands"):
        return "[OPTIONS] [COMMAND ...]" if command.invoke_without_command else "[OPTIONS] COMMAND ..."
    return " ".join(["[OPTIONS]", *(argument_of(one) for one in command.params if one.param_type_name == "argument")])


def argument_of(parameter: Any) -> str:
    """Return an argument as it is shown: in brackets where it may be left out."""
    shown = (parameter.metavar or parameter.name.upper()).strip("[]")
    return shown if parameter.required else f"[{shown}]"


def value_of(parameter: Any) -> str:
    """Return what an option's value is called; empty for a flag."""
    if parameter.is_flag:
        return ""
    return parameter.metavar or {"int": "N"}.get(_type_name(parameter), "TEXT")


def _type_name(parameter: Any) -> str:
    kind = getattr(parameter, "min", None) is not None or getattr(parameter, "max", None) is not None
    return "int" if kind or isinstance(parameter.default, int) else ""


def explained(parameter: Any) -> str:
    """Return an option's help, with its default."""
    text = parameter.help or ""
    more: list[str] = []
    if parameter.required:
        more.append("required")
    if isinstance(parameter.default, int) and not isinstance(parameter.default, bool):
        more.append(f"default {parameter.default}")
    return f"{text} [{', '.join(more)}]" if more else text


def split_help(text: str) -> tuple[list[str], list[str]]:
    """Return the paragraphs of a help text, and the examples in it: the lines that call ``engine``."""
    words: list[str] = []
    examples: list[str] = []
    for block in inspect.cleandoc(text).split("\n\n"):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        calls = [line for line in lines if line.startswith("engine")]
        examples += calls
        if len(calls) < len(lines):
            words.append(" ".join(line for line in lines if line not in calls))
    return words, examples


def _option(parameter: Any) -> Text:
    shown = Text(", ".join(sorted(parameter.opts, key=lambda name: (not name.startswith("--"), name))), style="cyan")
    value = value_of(parameter)
    return Text.assemble(shown, (f" {value}", "yellow")) if value else shown


def _section(out: Any, title: str) -> None:
    out.print()
    out.print(Text(title, style="bold"))


def _table(out: Any, title: str, rows: Iterable[tuple[Text, str]]) -> None:
    found = list(rows)
    if not found:
        return
    _section(out, title)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in found:
        table.add_row(Text("  ").append_text(name), Text(text))
    out.print(table)


def _commands(out: Any, group: Any) -> None:
    panels: dict[str, list[tuple[Text, str]]] = {}
    for name, command in getattr(group, "commands", {}).items():
        words, _examples = split_help(command.help or "")
        row = (Text(name.ljust(8), style="cyan"), words[0] if words else "")
        panels.setdefault(command.rich_help_panel or "Commands", []).append(row)
    for title, rows in panels.items():
        _table(out, title, rows)
