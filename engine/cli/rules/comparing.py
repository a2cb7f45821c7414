"""``engine rules diff``: what differs between two versions of rules, in sentences and tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich import box
from rich.table import Table
from rich.text import Text

from engine.cli.commands import add
from engine.cli.exits import say
from engine.cli.flags import AsJson
from engine.cli.rules.flags import Name, version_of
from engine.cli.session import Session, in_ascii, print_json
from engine.cli.sheets import sheet_console
from engine.cli.texts import clean
from engine.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.rules.changes.kinds import Cell, Change, Column, RuleChange, Setting, TableChange
    from engine.rules.model import Model

_STYLES = {"added": "green", "removed": "red", "changed": "yellow", "moved": "cyan"}
_SIGNS = {"added": "+ ", "removed": "- "}


def register(group: typer.Typer) -> None:
    """Add the commands of this module to those about rules."""
    add(group, diff)


def diff(
    session: Session,
    name: Name,
    old: Annotated[str | None, typer.Argument(metavar="OLD", help="A version: the active one, if left out.")] = None,
    new: Annotated[str | None, typer.Argument(metavar="NEW", help="Another version: else the latest.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="A draft that was not brought in, instead of NEW.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two versions: decisions, columns, and rules with the cells that changed.

    engine rules diff credit

    engine rules diff credit 2 3

    engine rules diff credit --file credit.xlsx
    """
    from engine.rules.changes.models import compare

    if file is not None and new is not None:
        raise ConfigError("NEW and --file each name what to compare with: give one of them")
    draft = None if file is None else _draft(file, name)
    with session.client() as client:
        before = client.rule_version(name, version_of(old)).number
        after = None if draft is not None else client.rule_version(name, version_of(new or "latest")).number
        models = client.rule_model(name, before), draft or client.rule_model(name, after)
    changes = compare(*models)
    if as_json:
        print_json({"name": name, "old": before, "new": after, "changes": msgspec.to_builtins(changes)})
        return
    out = sheet_console()
    target = f"version {after}" if file is None else clean(str(file))
    out.print(f"{clean(name)}: version {before} to {target}", style="bold", markup=False)
    if not changes:
        same = models[0] == models[1]
        out.print("no difference" if same else "no difference but in ids or order, which decide nothing", style="dim")
    for change in changes:
        out.print()
        for part in drawn(change):
            out.print(part, soft_wrap=isinstance(part, Text))


def drawn(change: Change) -> Iterator[Text | Table]:
    """Yield what became of a part of a model: a line that names it, then what it says, and the rules of its table."""
    where = "" if change.within is None else f" of the imported model {change.within}"
    was = "" if change.was is None else f" (was {change.was})"
    head = Text(clean(f"{change.kind} {change.name}{was}{where}:"))
    yield head.append(" ").append(change.step, style=_STYLES[change.step])
    yield from _said(change)


def told(part: Change) -> Iterator[Text | Table]:
    """Yield a part of a model as it is: a line that names it, and what it says."""
    yield Text(clean(f"{part.kind} {part.name}"))
    yield from _said(part)


def _said(change: Change) -> Iterator[Text | Table]:
    yield from (_line(f"{one.what}:", one, is_new=change.step == "added") for one in change.settings)
    if change.table is not None:
        yield from _table(change.table, is_new=change.step == "added")


def _table(change: TableChange, *, is_new: bool) -> Iterator[Text | Table]:
    yield from (_line(f"{one.what}:", one, is_new=is_new) for one in change.settings)
    for column in change.columns:
        yield from _column(column, is_new=is_new)
    counts = {
        step: sum(rule.step == step for rule in change.rules) for step in ("changed", "added", "removed", "moved")
    }
    told = [f"{count} {step}" for step, count in counts.items() if count]
    if told:
        yield Text(f"  rules: {', '.join([*told, f'{change.as_before} as before'])}")
        yield _rules(change, is_new=is_new)


def _column(column: Column, *, is_new: bool) -> Iterator[Text]:
    title = f"{column.side} {column.title}"
    if column.step in ("removed", "moved") or (column.step == "added" and not is_new):
        yield Text(f"  {clean(title)}: ").append(column.step, style=_STYLES[column.step])
    yield from (_line(f"{title}, {one.what}:", one, is_new=column.step == "added") for one in column.settings)


def _line(label: str, setting: Setting, *, is_new: bool) -> Text:
    line = Text(f"  {clean(label)} ")
    if is_new:
        return line.append(clean(setting.new or "none"))
    return line + _became(setting.old or "none", setting.new or "none")


def _became(old: str, new: str) -> Text:
    arrow = " -> " if in_ascii(sys.stdout) else " → "
    return Text.assemble((clean(old), "red"), arrow, (clean(new), "green"))


def _rules(change: TableChange, *, is_new: bool) -> Table:
    table = Table(box=box.ASCII2 if in_ascii(sys.stdout) else box.SQUARE)
    table.add_column("rule", style="dim", no_wrap=True)
    for one in change.columns:
        sign = "" if is_new else _SIGNS.get(one.step, "")
        style = {"input": "cyan", "output": "bold magenta"}.get(one.side, "dim")
        table.add_column(Text(clean(sign + one.title), style=style), overflow="fold")
    for rule in change.rules:
        table.add_row(_place(rule), *(_cell(rule, cell) for cell in rule.cells))
    return table


def _place(rule: RuleChange) -> Text:
    number = rule.old_place if rule.new_place is None else rule.new_place
    was = f" from {rule.old_place}" if rule.step == "moved" else ""
    return Text(f"{number} ").append(rule.step + was, style=_STYLES[rule.step])


def _cell(rule: RuleChange, cell: Cell) -> Text:
    if rule.step == "changed" and cell.differs:
        # Of a column that only one of them has, there is nothing else to say.
        if cell.old is None or cell.new is None:
            return Text(clean(cell.old or cell.new or ""), style="green" if cell.old is None else "red")
        return _became(cell.old or "(empty)", cell.new or "(empty)")
    text = clean((cell.old if cell.new is None else cell.new) or "")
    return Text(text, style=_STYLES[rule.step] if rule.step != "changed" else "")


def _draft(file: Path, name: str) -> Model:
    """Return the model of a file, under the name of the rules that it is to be a version of."""
    from engine.client.rules.decisions import usable_model
    from engine.rules.files import RuleFileError

    try:
        return usable_model(file, name)
    except RuleFileError as error:
        for problem in error.problems:
            say("engine", f"{error.file}: {problem}")
        raise typer.Exit(1) from None
