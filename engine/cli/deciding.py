"""``engine rules test``, ``activate``, ``rollback``, ``tag`` and ``explain``: which version decides, and why so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.text import Text

from engine.cli.commands import add
from engine.cli.exits import say
from engine.cli.flags import AsJson, Execution
from engine.cli.ruleflags import Author, Comment, Name, Version, plain, user, version_of
from engine.cli.session import Session, console, print_json
from engine.cli.texts import clean
from engine.definitions.deciding import DECIDE
from engine.errors import ArgumentsError

if TYPE_CHECKING:
    from engine.client import Client
    from engine.rules.explaining import RuleExplained


def register(group: typer.Typer) -> None:
    """Add the commands of this module to those about rules."""
    add(group, try_out, name="test")
    for function in (activate, rollback, tag, explain):
        add(group, function)


def try_out(
    session: Session,
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Scenarios, as JSON.")],
    version: Version = None,
    decision: Annotated[
        str | None, typer.Option("--decision", metavar="NAME", help="Of this decision; else the one no other requires.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run scenarios through a version: the latest, unless you name one. A draft that passes all of them is tested.

    The file is a list of objects: {"name": ..., "inputs": {...}, "expected": ...}, with dates as {"@": "2026-11-30"}.
    The exit code is 1 if one fails.

    engine rules test credit scenarios.json

    engine rules test credit scenarios.json --version 3 --json
    """
    from engine.client.decisions import read_scenarios
    from engine.rules.feel.exchange import from_python
    from engine.rules.recorded import write_plain

    scenarios = read_scenarios(file)
    with session.client() as client:
        runs = client.test_rules(name, scenarios, version_of(version) or "latest", decision=decision)
    failed = [run for run in runs if not run.passed]

    def text(value: Any) -> str:
        return write_plain(from_python(value)).decode()

    if as_json:
        print_json(
            [
                {
                    "scenario": run.scenario.name, "passed": run.passed, "error": run.error,
                    "differences": [
                        {"path": one.path, "expected": text(one.expected), "actual": text(one.actual)}
                        for one in run.differences
                    ],
                }
                for run in runs
            ]
        )  # fmt: skip
    else:
        for run in failed:
            print(f"failed: {clean(run.scenario.name)}" + (f": {clean(run.error)}" if run.error else ""))
            for one in run.differences:
                print(f"  {clean(one.path)}: expected {text(one.expected)}, got {text(one.actual)}")
        print(f"{len(runs) - len(failed)} passed, {len(failed)} failed")
    if failed:
        raise typer.Exit(1)


def activate(
    session: Session, name: Name, version: Version = None, author: Author = None, comment: Comment = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Have executions that begin from now on decide by a version: the latest, unless you name one.

    Executions that have begun go on with the version that was active then.

    engine rules activate credit

    engine rules activate credit --version 3 --comment "as agreed"
    """
    with session.client() as client:
        chosen = version_of(version) or "latest"
        found = client.activate_rules(name, chosen, author=author or user(), comment=comment)
    if as_json:
        print_json({"done": "activate", **plain(found)})
    else:
        print(f"active: {found.name} version {found.number}")


def rollback(
    session: Session, name: Name, author: Author = None, comment: Comment = None, as_json: AsJson = False
) -> None:
    """Take back the latest activation, so that the version before it is active again.

    engine rules rollback credit

    engine rules rollback credit --comment "refers everybody"
    """
    with session.client() as client:
        number = client.rollback_rules(name, author=author or user(), comment=comment)
    if as_json:
        print_json({"done": "rollback", "name": name, "number": number})
    else:
        print(f"active again: {name} version {number}")


def tag(
    session: Session,
    name: Name,
    tag: Annotated[str, typer.Argument(metavar="TAG", help="The tag; flows ask by it with tag=.")],
    version: Version = None,
    as_json: AsJson = False,
) -> None:
    """Give a version a tag, which another one may have had: the latest, unless you name one.

    engine rules tag credit pilot

    engine rules tag credit pilot --version 3
    """
    with session.client() as client:
        found = client.tag_rules(name, tag, version_of(version) or "latest")
    if as_json:
        print_json({"done": "tag", **plain(found)})
    else:
        print(f"tagged: {found.name} version {found.number} is {tag}")


def explain(
    session: Session,
    execution: Execution,
    seq: Annotated[
        int | None, typer.Argument(metavar="SEQ", min=1, help="The step; leave it out where only one decides.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show why rules decided as they did, and why not otherwise: each cell of each table, evaluated once more.

    engine rules explain 01kb7x2m 3

    engine rules explain 01kb7x2m --json
    """
    from engine.cli.ruletables import draw_table, feel_text
    from engine.rules.feel.exchange import to_python
    from engine.rules.recorded import write_plain

    with session.client() as client:
        execution_id = client.find_id(execution)
        found = client.explain_decision(execution_id, _only_decision(client, execution_id) if seq is None else seq)
    answer = found.answer
    if as_json:
        tables = [
            {"decision": one.decision, "rules": [_rule(rule) for rule in one.explanation.rules]} for one in found.tables
        ]
        values: dict[str, Any] = {
            "rule": answer.rule, "version": answer.version, "hash": answer.hash, "decision": answer.decision,
            "inputs": msgspec.json.decode(write_plain(found.inputs)),
            "outcome": msgspec.json.decode(write_plain(found.outcome)),
            "matched": answer.matched, "problems": answer.problems, "agrees": found.agrees, "tables": tables,
        }  # fmt: skip
        print_json(values)
        return
    out = console()
    lines = {
        "decided": f"{answer.decision} by {answer.rule} version {answer.version}", "hash": answer.hash,
        "inputs": feel_text(to_python(found.inputs)), "outcome": feel_text(to_python(found.outcome)),
    }  # fmt: skip
    for label, value in lines.items():
        out.print(Text(f"{label:<9}", style="dim").append(clean(value), style="not dim"))
    for problem in answer.problems:
        out.print(Text(f"{'problem':<9}", style="yellow").append(clean(problem), style="not dim"))
    for one in found.tables:
        out.print()
        out.print(draw_table(one.decision, one.table, one.explanation))
    if not found.agrees:
        say("engine", "this version decides otherwise today than was recorded: the engine, or the record, was changed")
        raise typer.Exit(1)


def _rule(rule: RuleExplained) -> dict[str, Any]:
    from engine.rules.feel.exchange import from_python
    from engine.rules.recorded import write_plain

    cells = [
        {
            "column": cell.column, "text": cell.text, "result": cell.result,
            "value": msgspec.json.decode(write_plain(from_python(cell.value))),
        }
        for cell in rule.cells
    ]  # fmt: skip
    return {"rule": rule.rule, "matched": rule.matched, "cells": cells}


def _only_decision(client: Client, execution_id: str) -> int:
    found = [step.seq for step in client.history(execution_id, values=False) if step.name == DECIDE]
    if len(found) != 1:
        steps = f"steps {', '.join(map(str, found))}: name one" if found else "no step"
        raise ArgumentsError(f"rules decided in {steps}")
    return found[0]
