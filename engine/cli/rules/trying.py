"""``engine rules test`` and ``check``: what versions and files come to before they decide anything."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.cells import cell_len, set_cell_size
from rich.markup import escape
from rich.text import Text

from engine.cli.commands import add
from engine.cli.exits import say
from engine.cli.flags import AsJson
from engine.cli.rules.flags import Latest, Name, version_of
from engine.cli.session import Session, console, print_json
from engine.cli.sheets import fitting, sheet_console
from engine.cli.texts import clean
from engine.errors import ConfigError
from engine.model.rulebook import LATEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from engine.client.rules.trials import ScenariosRefused
    from engine.rules.analysis.analyse import Looking
    from engine.rules.analysis.findings import Analysis
    from engine.rules.coverage import Coverage
    from engine.rules.scenarios import Run
    from engine.rules.trial import Trial

SHOWN = 10
"""So many rules and cells without a scenario are named; JSON has all."""
STYLES = {True: ("passed", "green"), False: ("failed", "bold red")}


def register(group: typer.Typer) -> None:
    """Add the commands of this module to those about rules."""
    add(group, check)
    add(group, try_out, name="test")


def try_out(
    session: Session,
    name: Name,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Further scenarios, as .csv, .xlsx or .json.")
    ] = None,
    version: Latest = None,
    as_json: AsJson = False,
) -> None:
    """Run the stored scenarios, and those of files, through a version: the latest, unless you name one.

    It shows what failed, which rules matched, and which rules and cells no scenario tries. A draft that passes all is
    tested. A file is a list of objects: {"name": ..., "inputs": {...}, "expected": ...}, with dates as
    {"@": "2026-11-30"}. The exit code is 1 if a scenario fails.

    engine rules test credit

    engine rules test credit scenarios.json --version 3 --json
    """
    from engine.client.rules.trials import ScenariosRefused

    try:
        with session.client() as client:
            found = client.rule_version(name, version_of(version) or LATEST)
            trial = client.test_rules(name, *(files or ()), version=found.number)
            state = client.rule_version(name, found.number).state
    except ScenariosRefused as error:
        raise refused(error) from None
    if as_json:
        print_json({"name": name, "version": found.number, "state": state, **_plain(trial)})
    else:
        out = sheet_console()
        out.print(Text(f"{clean(name)} version {found.number}", style="bold"), soft_wrap=True)
        _draw(out, trial)
        if state != found.state:
            out.print(f"version {found.number} was a {found.state}, and is {state} now", style="green")
    if trial.failed:
        raise typer.Exit(1)


def check(
    session: Session,
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="Files of rules.")] = None,
    stored: Annotated[
        str | None, typer.Option("--stored", metavar="NAME", help="Rules of the store, by their name.")
    ] = None,
    version: Latest = None,
    as_json: AsJson = False,
) -> None:
    """Look for errors, gaps, overlaps and rules without use: in files that are not brought in yet, or in a version.

    Errors in files are on standard error, with row and cell, and the exit code is 1. The rest is for you to judge.

    engine rules check credit.xlsx rules/rates.dmn

    engine rules check --stored credit --version 3 --json
    """
    from engine.client.rules.imports import roots
    from engine.rules.analysis.analyse import analyse_model

    if not files and stored is None:
        raise ConfigError("name files to look through, or rules of the store with --stored")
    if version is not None and stored is None:
        raise ConfigError("--version is one of the rules that --stored names")
    found: dict[str, list[str]] = {}
    failed = False
    for file in roots(files or ()):
        analyses = _analysed(file, files or ())
        failed = failed or analyses is None
        if analyses is not None:
            found[str(file)] = _findings(analyses)
    if stored is not None:
        with session.client() as client:
            looked_at = client.rule_version(stored, version_of(version) or LATEST)
            model = client.rule_model(stored, looked_at.number)
        with _progress(stored) as looking:
            found[f"{clean(stored)} version {looked_at.number}"] = _findings(analyse_model(model, looking=looking))
    if as_json:
        print_json(found)
    else:
        for what, findings in found.items():
            print(f"{what}:" + ("" if findings else " nothing to say"))
            for finding in findings:
                print(f"  {clean(finding)}")
    if failed:
        raise typer.Exit(1)


def refused(error: ScenariosRefused) -> typer.Exit:
    """Say what is wrong with scenarios, a line for each; return what ends the command."""
    for problem in error.problems:
        say("engine", problem)
    return typer.Exit(1)


# -- analyses ---------------------------------------------------------------------------------------------------------


def _analysed(file: Path, given: Sequence[Path]) -> dict[str, Analysis] | None:
    from engine.client.rules.decisions import usable_model
    from engine.rules.analysis.analyse import analyse_model
    from engine.rules.files import RuleFileError

    try:
        with _progress(file.name) as looking:
            return analyse_model(usable_model(file, None, given), looking=looking)
    except RuleFileError as error:
        for problem in error.problems:
            say("engine", f"{error.file}: {problem}")
        return None


@contextmanager
def _progress(what: str) -> Generator[Looking | None]:
    """Say on a terminal what a long look is at."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield None
        return
    with out.status(escape(f"reading {clean(what)}")) as status:
        yield lambda table, kind: status.update(escape(f"looking for {kind} in {clean(table)}"))


def _findings(analyses: dict[str, Analysis]) -> list[str]:
    return [f"{name}: {finding}" for name, one in analyses.items() for finding in one.findings]


# -- trials -----------------------------------------------------------------------------------------------------------


def _draw(out: Console, trial: Trial) -> None:
    from engine.rules.policy import why_failed

    names = [fitting(out, run.scenario.name, 40) for run in trial.runs]
    width = max(map(cell_len, names))
    for run, name in zip(trial.runs, names, strict=True):
        word, style = STYLES[run.passed]
        line = Text.assemble((word, style), f"  {set_cell_size(name, width)}  ", (_matched(run), "dim"))
        out.print(line, soft_wrap=True)
        for text in () if run.passed else (*why_failed(run), *(f"because {one}" for one in run.problems)):
            out.print(Text(f"        {clean(text)}"), soft_wrap=True)
    failed = len(trial.failed)
    out.print(f"{len(trial.runs) - failed} passed, {failed} failed")
    for name, covered in trial.coverage.items():
        _draw_coverage(out, name, covered)
    for label in trial.beyond:
        out.print(Text(f"coverage does not see into the table {clean(label)!r}", style="dim"), soft_wrap=True)


def _matched(run: Run) -> str:
    return ", ".join(f"{clean(name)}: {rules_text(rules)}" for name, rules in run.matched)


def rules_text(rules: Sequence[int]) -> str:
    """Return rules by their numbers."""
    if not rules:
        return "no rule"
    return f"rule{'s' if len(rules) > 1 else ''} {', '.join(map(str, rules))}"


def _draw_coverage(out: Console, name: str, covered: Coverage) -> None:
    from engine.rules.policy import cells_tried, never_decided, never_seen, percent, rules_tried

    tried = (
        f"{rules_tried(covered)} tried ({percent(covered.rule_ratio)}), {cells_tried(covered)} "
        f"({percent(covered.cell_ratio)})"
    )
    out.print(Text(f"{clean(name)}: {tried}", style="bold"), soft_wrap=True)
    # A rule that no scenario tries says enough by itself.
    missing = [*never_decided(covered), *(text for rule in covered.rules if rule.decided for text in never_seen(rule))]
    for text in missing[:SHOWN]:
        out.print(Text(f"  {clean(text)}"), soft_wrap=True)
    if len(missing) > SHOWN:
        out.print(f"  and {len(missing) - SHOWN} more: --json has all", style="dim")


def _plain(trial: Trial) -> dict[str, Any]:
    return {
        "passed": trial.passed,
        "scenarios": [_plain_run(run) for run in trial.runs],
        "coverage": [_plain_coverage(name, covered) for name, covered in trial.coverage.items()],
        "not_covered": trial.beyond,
    }


def _plain_run(run: Run) -> dict[str, Any]:
    return {
        "scenario": run.scenario.name, "passed": run.passed, "error": run.error, "problems": run.problems,
        "expected": plain_value(run.scenario.expected), "outcome": plain_value(run.outcome),
        "matched": [{"decision": name, "rules": rules} for name, rules in run.matched],
        "differences": [
            {"path": one.path, "expected": plain_value(one.expected), "actual": plain_value(one.actual)}
            for one in run.differences
        ],
    }  # fmt: skip


def _plain_coverage(name: str, covered: Coverage) -> dict[str, Any]:
    rules = [
        {
            "rule": rule.rule, "matched": rule.matched, "decided": rule.decided,
            "cells": [
                {
                    "column": cell.column, "text": cell.text, "covered": cell.covered, "true": cell.true,
                    "false": cell.false, "null": cell.null,
                }
                for cell in rule.cells
            ],
        }
        for rule in covered.rules
    ]  # fmt: skip
    shares = {"rules_tried": covered.rule_ratio, "cells_tried": covered.cell_ratio}
    return {"table": name, "cases": covered.cases, "unmatched": covered.unmatched, **shares, "rules": rules}


def plain_value(value: Any) -> Any:
    """Return a value of rules as JSON has it."""
    from engine.rules.feel.exchange import from_python
    from engine.rules.recorded import write_plain

    return msgspec.json.decode(write_plain(from_python(value)))
