"""``engine rules backtest``, ``shadow`` and ``shadowed``: what a version would decide, before it does."""

# ruff: noqa: PLR0917 - every flag of a command is an argument of its function

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer
from rich.text import Text

from engine.cli.commands import add
from engine.cli.flags import AsJson, FlowFlag, SinceFlag
from engine.cli.parsing import moment
from engine.cli.rules.flags import Author, Comment, Latest, Name, Share, plain, user, version_of
from engine.cli.session import Session, console, in_ascii, print_json
from engine.cli.sheets import fitting, sheet, sheet_console
from engine.client.rules.amounts import MOST_DECISIONS
from engine.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from engine.client.rules.backtests import Looked, Tried
    from engine.rules.backtest import Comparison, Matched, Tally

KINDS: Final = {"same": "the same", "differs": "another outcome", "null": "null instead", "undecided": "no decision"}
STYLES: Final = {"same": "green", "differs": "yellow", "null": "bold red", "undecided": "bold red"}
WIDEST: Final = 40
"""How much of an outcome a terminal shows."""
GROUPS: Final = 20

Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000_000, help="The most decisions to look at.")]
Shown = Annotated[int, typer.Option("--show", min=0, max=10_000, help="The most changed decisions to list.")]


def register(group: typer.Typer) -> None:
    """Add the commands of this module to those about rules."""
    for function in (backtest, shadow, shadowed):
        add(group, function)


def backtest(
    session: Session,
    name: Name,
    version: Latest = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="A draft that was not brought in, instead.")
    ] = None,
    since: SinceFlag = None,
    flow: FlowFlag = None,
    limit: Limit = MOST_DECISIONS,
    show: Shown = 20,
    as_json: AsJson = False,
) -> None:
    """Take recorded decisions again by a version, the latest unless you name one, and list what would change.

    The newest executions come first. Each decision has its recorded inputs and time, and nothing is written.
    The exit code is 1 if an outcome would change, and 0 if none would.

    engine rules backtest credit

    engine rules backtest credit --version 5 --since 7d --flow fulfil

    engine rules backtest credit --file draft.csv --json
    """
    if file is not None and version is not None:
        raise ConfigError("--version and --file each name what to try: give one of them")
    with session.client() as client, _progress() as looked:
        tried = client.back_test_rules(
            name, version_of(version), draft=file, since=moment(since, "--since", client.now_us()), flow=flow,
            limit=limit, keep=show, looked=looked,
        )  # fmt: skip
    by = "the draft" if tried.version is None else f"version {tried.version}"
    _report(tried, by, "taken again by", as_json=as_json)
    if tried.tally.would_change:
        raise typer.Exit(1)


def shadow(
    session: Session,
    name: Name,
    version: Latest = None,
    share: Share = "100%",
    off: Annotated[bool, typer.Option("--off", help="Have no version decide as well any more.")] = False,
    author: Author = None,
    comment: Comment = None,
    as_json: AsJson = False,
) -> None:
    """Have a version, the latest unless you name one, decide as well, without its outcome counting.

    In executions that begin from now on it decides whatever is decided by the active version, and what it decided is
    recorded beside. `engine rules shadowed` shows how it did.

    engine rules shadow credit

    engine rules shadow credit --version 5 --share 10%

    engine rules shadow credit --off
    """
    if off and (version is not None or share != "100%"):
        raise ConfigError("--off takes the shadow away: give neither --version nor --share with it")
    by = author or user()
    with session.client() as client:
        if off:
            client.unshadow_rules(name, author=by, comment=comment)
            found = None
        else:
            chosen = version_of(version) or "latest"
            found = client.shadow_rules(name, chosen, share=share, author=by, comment=comment)
    if as_json:
        known = {"name": name, "number": None} if found is None else plain(found) | {"share": share}
        print_json({"done": "shadow", **known})
    elif found is None:
        print(f"no shadow: {name}")
    else:
        print(f"shadow: {found.name} version {found.number}" + ("" if share == "100%" else f", for {share}"))


def shadowed(
    session: Session,
    name: Name,
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="VERSION", help="Its number, a tag, or latest; else the last shadow."),
    ] = None,
    since: SinceFlag = None,
    flow: FlowFlag = None,
    limit: Limit = MOST_DECISIONS,
    show: Shown = 20,
    as_json: AsJson = False,
) -> None:
    """Show how often a shadow decided as what counted: the version that was made one last, unless you name one.

    engine rules shadowed credit --since 2d

    engine rules shadowed credit --version 5 --json
    """
    with session.client() as client, _progress() as looked:
        tried = client.shadowed_rules(
            name, version_of(version), since=moment(since, "--since", client.now_us()), flow=flow, limit=limit,
            keep=show, looked=looked,
        )  # fmt: skip
    _report(tried, f"version {tried.version}", "with the shadow", as_json=as_json)


@contextmanager
def _progress() -> Generator[Looked | None]:
    """Say on a terminal how far a long look has come."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield None
        return
    with out.status("looking for decisions") as status:
        yield lambda executions, decisions: status.update(
            f"looked through {executions:,} executions, {decisions:,} decisions in them"
        )


def _report(tried: Tried, by: str, how: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_plain(tried))
        return
    out, tally = sheet_console(), tried.tally
    if not tally.total:
        out.print(Text(f"no decisions of {tried.name} {how} {by} were found", style="dim"))
    else:
        out.print(_summary(tried, by, how))
    if tally.groups:
        out.print()
        _draw_groups(out, tally, by)
    if tally.changed:
        out.print()
        _draw_changed(out, tally, by)
    if tried.unreadable:
        out.print(Text(f"{tried.unreadable} records were damaged and are not counted", style="red"))
    if not tried.is_whole:
        out.print(Text(f"there are more: only the newest {tally.total:,} were looked at, by --limit", style="yellow"))


def _summary(tried: Tried, by: str, how: str) -> Text:
    count = tried.tally.total
    line = Text(f"{tried.name}: {count:,} decision{'' if count == 1 else 's'} {how} {by}", style="bold")
    for kind, words in KINDS.items():
        found = tried.tally.counts.get(kind, 0)  # type: ignore[call-overload]
        if found:
            line.append("\n").append(f"{found:>8,} {words}", style=f"not bold {STYLES[kind]}")
    return line


def _draw_groups(out: Console, tally: Tally, by: str) -> None:
    rows = [
        {
            "decisions": f"{group.count:,}", "recorded": _value(out, group.recorded), by: _value(out, group.other),
            "change": Text(KINDS[group.kind], style=STYLES[group.kind]), "such as": group.example,
        }
        for group in tally.groups[:GROUPS]
    ]  # fmt: skip
    out.print(sheet(rows, wraps=("recorded", by)))
    others = sum(group.count for group in tally.groups[GROUPS:]) + tally.ungrouped
    if others:
        out.print(Text(f"and {others:,} in other ways, which --json tells", style="dim"))


def _draw_changed(out: Console, tally: Tally, by: str) -> None:
    arrow = "->" if in_ascii(sys.stdout) else "→"
    rows = [
        {
            "execution, step": Text(one.record.name, style="cyan"),
            "recorded": _value(out, one.record.decided.outcome), by: _other(out, one),
            "matched": f"{_matched(one.record.decided.matched)} {arrow} {_matched(one.other.matched)}",
        }
        for one in tally.changed
    ]  # fmt: skip
    out.print(sheet(rows, wraps=("recorded", by, "matched")))
    more = tally.would_change - len(tally.changed)
    if more:
        out.print(Text(f"and {more:,} more, which --show lists", style="dim"))


def _other(out: Console, one: Comparison) -> str | Text:
    if one.other.error is not None:
        return Text(fitting(out, one.other.error, 2 * WIDEST), style="red")
    if one.kind == "null" and one.other.problems:
        return Text(fitting(out, f"null: {one.other.problems[0]}", 2 * WIDEST), style="red")
    return _value(out, one.other.outcome)


def _value(out: Console, value: Any) -> str:
    from engine.cli.rules.tables import feel_text

    return fitting(out, "null" if value is None else feel_text(value), WIDEST)


def _matched(matched: Matched) -> str:
    return ", ".join(f"{name} {'+'.join(map(str, rules)) or '-'}" for name, rules in matched) or "-"


def _plain(tried: Tried) -> dict[str, Any]:
    from engine.rules.backtest import Kind

    tally = tried.tally
    return {
        "name": tried.name, "version": tried.version, "decisions": tally.total,
        "counts": {kind.value: tally.counts[kind] for kind in Kind},
        "groups": [
            {
                "kind": group.kind.value, "recorded": _json(group.recorded), "other": _json(group.other),
                "count": group.count, "example": group.example,
            }
            for group in tally.groups
        ],
        "ungrouped": tally.ungrouped,
        "changed": [
            {
                "execution": one.record.name.split()[0], "seq": int(one.record.name.split()[1]), "kind": one.kind.value,
                "recorded": {"outcome": _json(one.record.decided.outcome), "matched": one.record.decided.matched},
                "other": {
                    "outcome": _json(one.other.outcome), "matched": one.other.matched, "error": one.other.error,
                    "problems": one.other.problems,
                },
            }
            for one in tally.changed
        ],
        "unreadable": tried.unreadable, "is_whole": tried.is_whole,
    }  # fmt: skip


def _json(value: Any) -> Any:
    from engine.rules.feel.exchange import from_python
    from engine.rules.recorded import write_plain

    return msgspec.json.decode(write_plain(from_python(value)))
