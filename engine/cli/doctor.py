"""``engine doctor``."""

from __future__ import annotations

from typing import Final

import typer
from rich.text import Text

from engine.cli.commands import add
from engine.cli.flags import AsJson
from engine.cli.session import Session, console, print_json
from engine.cli.upkeep import PANEL
from engine.doctor.findings import Finding, Verdict

SIGNS: Final = {Verdict.GOOD: ("ok", "green"), Verdict.DOUBTFUL: ("hm", "yellow"), Verdict.BAD: ("BAD", "bold red")}
INDENT: Final = 31


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    add(app, doctor, panel=PANEL)


def doctor(session: Session, as_json: AsJson = False) -> None:
    """Check the store, the broker and the workers, and say what to do about what is wrong.

    It also asks the brokers that [brokers] names, and looks whether the queues of triggers are there. It writes
    nothing, except that it declares the queues on the broker that a worker would. Ends with 1 if something is bad.

    engine doctor

    engine doctor --json
    """
    from engine.doctor import examine

    found: list[Finding] = []
    for finding in examine(session.settings):
        found.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        print_json(found)
    if any(finding.verdict == Verdict.BAD for finding in found):
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    sign, style = SIGNS[finding.verdict]
    line = Text.assemble((f"{sign:>3}", style), f"  {finding.part:<9}", f"{finding.check:<16} ", finding.detail)
    shown = console()
    shown.print(line, soft_wrap=True)
    if finding.advice:
        shown.print(Text(" " * INDENT + finding.advice), soft_wrap=True)
