"""``engine rules require``: what a version has to meet before it is activated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.text import Text

from engine.cli.commands import add
from engine.cli.flags import AsJson
from engine.cli.rules.flags import Author, user
from engine.cli.session import Session, print_json
from engine.cli.sheets import sheet, sheet_console
from engine.cli.texts import clean, stamp
from engine.errors import ConfigError
from engine.model.policy import EVERY, RulePolicy
from engine.model.shares import ALL, parse_share

if TYPE_CHECKING:
    from engine.model.policy import Required
    from engine.rules.policy import Unmet

OptionalName = Annotated[
    str | None, typer.Argument(metavar="NAME", help="The rules, as the list shows them; leave it out with --all.")
]


def register(group: typer.Typer) -> None:
    """Add the command of this module to those about rules."""
    add(group, require)


def require(  # noqa: PLR0913, PLR0917 - the flags of a command
    session: Session,
    name: OptionalName = None,
    every: Annotated[
        bool, typer.Option("--all", help="Of the rules of every name that have no requirements of their own.")
    ] = False,
    tested: Annotated[bool, typer.Option("--tested", help="There are stored scenarios, and all of them pass.")] = False,
    row_coverage: Annotated[
        str | None,
        typer.Option("--row-coverage", metavar="PERCENT", help="Stored scenarios match so many rows of each table."),
    ] = None,
    cell_coverage: Annotated[
        str | None,
        typer.Option("--cell-coverage", metavar="PERCENT", help="They see so many of its cells hold, and not hold."),
    ] = None,
    no_gaps: Annotated[bool, typer.Option("--no-gaps", help="No inputs are left that no row matches.")] = False,
    no_overlaps: Annotated[
        bool, typer.Option("--no-overlaps", help="No two rows match the same inputs, where the hit policy forbids it.")
    ] = False,
    no_shadowed: Annotated[
        bool, typer.Option("--no-shadowed", help="No row is without use: taken by others, or true of nothing.")
    ] = False,
    backtest_changes: Annotated[
        str | None,
        typer.Option(
            "--backtest-changes-at-most", metavar="PERCENT", help="Of recorded decisions, no more come out otherwise."
        ),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Nothing is required, whatever is of every name.")] = False,
    default: Annotated[bool, typer.Option("--default", help="The same is required as of every name.")] = False,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Say what a version has to meet before it is activated, instead of what was required; without options, show it.

    `engine rules activate` refuses versions that do not meet it. What is active stays so, and rollbacks are free.

    engine rules require credit --tested --row-coverage 100% --cell-coverage 80% --no-gaps

    engine rules require --all --tested

    engine rules require credit
    """
    name = _name(name, every)
    policy = RulePolicy(
        tested=tested, row_coverage=_share(row_coverage), cell_coverage=_share(cell_coverage), no_gaps=no_gaps,
        no_overlaps=no_overlaps, no_shadowed=no_shadowed, backtest_changes=_share(backtest_changes),
    )  # fmt: skip
    if sum((bool(policy.names), none, default)) > 1:
        raise ConfigError("--none and --default each stand for all requirements: leave the others out")
    if default and name == EVERY:
        raise ConfigError("--default is what is required of every name: use --none to require nothing")
    with session.client() as client:
        if policy.names or none or default:
            # Of every name, nothing is required where nothing is stored.
            takes_away = default or (none and name == EVERY)
            client.require_rules(name, None if takes_away else policy, author=author or user())
        required = client.rule_policy(name)
        number = 0
        unmet: tuple[Unmet, ...] = ()
        if name != EVERY:
            number = client.rule_version(name, "latest").number
            unmet = client.unmet_requirements(name, number)
    if as_json:
        values = {"name": name, "of": required.name, "author": required.author, "changed_us": required.changed_us}
        lacking = [{"requirement": one.requirement, "text": one.text} for one in unmet]
        shown = {"requires": msgspec.to_builtins(required.policy)}
        print_json(values | shown | ({"version": number, "unmet": lacking} if number else {}))
    else:
        _draw(name, required, number, unmet)


def _draw(name: str, required: Required, number: int, unmet: tuple[Unmet, ...]) -> None:
    out = sheet_console()
    whom = "every name" if name == EVERY else clean(name)
    policy = required.policy
    if not policy.names:
        out.print(Text(f"nothing is required of {whom}"), soft_wrap=True)
        return
    as_default = ", as of every name" if required.name == EVERY != name else ""
    by = f" by {clean(required.author)}" if required.author else ""
    since = "" if required.changed_us is None else f" (set {stamp(required.changed_us)} UTC{by})"
    out.print(Text.assemble((f"required of {whom}{as_default}", "bold"), (since, "dim")), soft_wrap=True)
    lacking = {one.requirement: one.text for one in unmet}
    rows: list[dict[str, str | Text]] = []
    for requirement in policy.names:
        row: dict[str, str | Text] = {"requirement": _wanted(policy, requirement)}
        if number:
            text = lacking.get(requirement)
            row[f"version {number}"] = Text("met", style="green") if text is None else Text(clean(text), style="red")
        rows.append(row)
    out.print(sheet(rows, wraps=(f"version {number}",)))


def _wanted(policy: RulePolicy, requirement: str) -> str:
    from engine.rules.policy import percent, title

    value = getattr(policy, requirement)
    most = " at most" if requirement == "backtest_changes" else ""
    return title(requirement) if value is True else f"{title(requirement)}{most} {percent(value)}"


def _name(name: str | None, every: bool) -> str:
    if every and name not in (None, EVERY):
        raise ConfigError(f"--all is for the rules of every name: leave out {name!r}, or --all")
    if name is None and not every:
        raise ConfigError("name the rules, or all of them with --all")
    return EVERY if every or name is None else name


def _share(text: str | None) -> float | None:
    # Nothing is no share of executions to begin with, but it may be all that may change.
    return None if text is None else 0.0 if text == "0%" else parse_share(text) / ALL
