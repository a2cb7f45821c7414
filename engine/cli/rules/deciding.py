"""``engine rules activate``, ``rollback``, ``tag``, ``decisions`` and ``explain``: what decides, and why so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.text import Text

from engine.cli.commands import add
from engine.cli.exits import say
from engine.cli.flags import AsJson, Execution
from engine.cli.rules.choosing import choice_text, plain_choice
from engine.cli.rules.flags import Author, Comment, Latest, Name, Share, plain, user, version_of
from engine.cli.rules.trying import plain_value
from engine.cli.session import Session, print_json
from engine.cli.sheets import fitting, sheet, sheet_console
from engine.cli.texts import clean
from engine.definitions.deciding import DECIDE
from engine.errors import ArgumentsError

if TYPE_CHECKING:
    from engine.client import Client
    from engine.client.rules.decisions import DecisionTaken, ShadowTaken
    from engine.model.rulebook import ShadowAnswer
    from engine.rules.explaining import RuleExplained


def register(group: typer.Typer) -> None:
    """Add the commands of this module to those about rules."""
    for function in (activate, rollback, tag, decisions, explain):
        add(group, function)


def activate(  # noqa: PLR0917 - the flags of a command
    session: Session, name: Name, version: Latest = None, share: Share = "100%", author: Author = None,
    comment: Comment = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Have executions that begin from now on decide by a version: the latest, unless you name one.

    Executions that have begun go on with the version that was active then. With a share, the other executions decide
    by what is active already; a share that grows keeps those that were in it. A version that does not meet what is
    required is refused, and each line on standard error says what it lacks.

    engine rules activate credit

    engine rules activate credit --version 3 --comment "as agreed"

    engine rules activate credit --version 5 --share 10%
    """
    from engine.rules.policy import RequirementsUnmet

    try:
        with session.client() as client:
            chosen = version_of(version) or "latest"
            found = client.activate_rules(name, chosen, share=share, author=author or user(), comment=comment)
    except RequirementsUnmet as error:
        for line in (error.headline, *map(error.line, error.unmet)):
            say("engine", line)
        raise typer.Exit(1) from None
    if as_json:
        print_json({"done": "activate", "share": share, **plain(found)})
    else:
        print(f"active: {found.name} version {found.number}" + ("" if share == "100%" else f", for {share}"))


def rollback(
    session: Session, name: Name, author: Author = None, comment: Comment = None, as_json: AsJson = False
) -> None:
    """Take back the latest activation, or a rollout, so that the version before it is active again.

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
    version: Latest = None,
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


def decisions(session: Session, execution: Execution, as_json: AsJson = False) -> None:
    """List what rules decided in an execution: by which version, from which inputs, and which rules matched.

    engine rules decisions 01kb7x2m
    """
    from engine.cli.rules.tables import feel_text

    with session.client() as client:
        found = client.decisions(client.find_id(execution))
    if as_json:
        print_json([_decision(one) for one in found])
        return
    out = sheet_console()
    if not found:
        out.print("no decisions", style="dim")
        return
    rows = [
        {
            "step": str(one.seq),
            "decided": f"{clean(one.decision)} by {clean(one.rules)} version {one.version}",
            "inputs": fitting(out, feel_text(one.inputs), 120),
            "outcome": fitting(out, feel_text(one.outcome), 120),
            "matched": ", ".join(f"{clean(name)} {' '.join(map(str, rules)) or 'none'}" for name, rules in one.matched),
            "problem": fitting(out, "; ".join(one.problems), 120),
            "shadow": "" if one.shadow is None else _beside(one.shadow),
        }
        for one in found
    ]
    out.print(sheet(rows, wraps=("decided", "inputs", "outcome", "matched", "problem", "shadow")))


def _beside(shadow: ShadowTaken) -> str:
    from engine.cli.rules.tables import feel_text

    outcome = "the same" if shadow.agrees else feel_text(shadow.outcome) if shadow.error is None else "an error"
    return f"{outcome} by version {shadow.version}"


def _decision(one: DecisionTaken) -> dict[str, Any]:
    values = one._asdict() | {"inputs": plain_value(one.inputs), "outcome": plain_value(one.outcome)}
    if one.shadow is not None:
        values["shadow"] = one.shadow._asdict() | {"outcome": plain_value(one.shadow.outcome)}
    return values


def explain(
    session: Session,
    execution: Execution,
    seq: Annotated[
        int | None, typer.Argument(metavar="SEQ", min=1, help="The step; leave it out where only one decides.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show why rules decided as they did, and why not otherwise: each cell of each table, evaluated once more.

    It also says why it was this version that decided, and in which shares of rollouts the key of the execution was.

    engine rules explain 01kb7x2m 3

    engine rules explain 01kb7x2m --json
    """
    from engine.cli.rules.tables import draw_table, feel_text
    from engine.rules.feel.exchange import to_python
    from engine.rules.recorded import write_plain

    with session.client() as client:
        execution_id = client.find_id(execution)
        found = client.explain_decision(execution_id, only_decision(client, execution_id) if seq is None else seq)
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
            "shadow": None if answer.shadow is None else _shadow(answer.shadow),
            "chosen": plain_choice(found.choice),
        }  # fmt: skip
        print_json(values)
        return
    out = sheet_console()
    lines = {
        "decided": f"{answer.decision} by {answer.rule} version {answer.version}",
        "because": choice_text(found.choice), "hash": answer.hash,
        "inputs": feel_text(to_python(found.inputs)), "outcome": feel_text(to_python(found.outcome)),
    }  # fmt: skip
    for label, value in lines.items():
        out.print(Text(f"{label:<9}", style="dim").append(clean(value), style="not dim"))
    if answer.shadow is not None:
        out.print(Text(f"{'shadow':<9}", style="dim").append(clean(_shadow_text(answer.shadow)), style="not dim"))
    for problem in answer.problems:
        out.print(Text(f"{'problem':<9}", style="yellow").append(clean(problem), style="not dim"))
    for one in found.tables:
        out.print()
        out.print(draw_table(one.decision, one.table, one.explanation))
    if not found.agrees:
        say("engine", "this version decides otherwise today than was recorded: the engine, or the record, was changed")
        raise typer.Exit(1)


def _shadow(shadow: ShadowAnswer) -> dict[str, Any]:
    from engine.rules.recorded import read_value, write_plain

    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(shadow))
    if isinstance(shadow.outcome, msgspec.Raw):
        values["outcome"] = msgspec.json.decode(write_plain(read_value(bytes(shadow.outcome))))
    return values


def _shadow_text(shadow: ShadowAnswer) -> str:
    from engine.cli.rules.tables import feel_text
    from engine.rules.feel.exchange import to_python
    from engine.rules.recorded import read_value

    if shadow.error is not None:
        found = f"nothing: {shadow.error}"
    elif isinstance(shadow.outcome, msgspec.Raw):
        found = feel_text(to_python(read_value(bytes(shadow.outcome))))
    else:
        found = "the same"
    return f"{found}, by version {shadow.version}, which does not count"


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


def only_decision(client: Client, execution_id: str) -> int:
    """Return the one step of an execution in which rules decided. Raises ArgumentsError if there are none or more."""
    found = [step.seq for step in client.history(execution_id, values=False) if step.name == DECIDE]
    if len(found) != 1:
        steps = f"steps {', '.join(map(str, found))}: name one" if found else "no step"
        raise ArgumentsError(f"rules decided in {steps}")
    return found[0]
