"""``engine rules scenarios``: what every version of rules has to come to, kept in the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from engine.cli.commands import Commands, add
from engine.cli.flags import AsJson, Execution
from engine.cli.rules.deciding import only_decision
from engine.cli.rules.exports import Force, write_files
from engine.cli.rules.flags import Author, Latest, Name, user, version_of
from engine.cli.rules.trying import plain_value, refused
from engine.cli.session import Session, print_json
from engine.cli.sheets import fitting, sheet, sheet_console
from engine.cli.texts import ago, clean, stamp
from engine.model.rulebook import LATEST

if TYPE_CHECKING:
    from engine.client.rules.trials import StoredScenario

HELP = """Keep scenarios of rules: inputs, and what they have to come to in every version.

engine rules scenarios add credit scenarios.json

engine rules scenarios record 01kb7x2m --name "Ada in May"

engine rules test credit
"""

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="The scenario, as the list shows it.")]
Replace = Annotated[bool, typer.Option("--replace", help="Instead of those of the same names.")]


def register(group: typer.Typer) -> None:
    """Add the commands of this module to those about rules."""
    own = typer.Typer(name="scenarios", cls=Commands, help=HELP, rich_markup_mode=None)
    add(own, add_files, name="add")
    add(own, list_scenarios, name="list")
    for function in (show, record, remove, export):
        add(own, function)
    group.add_typer(own)


def add_files(  # noqa: PLR0917 - the flags of a command
    session: Session,
    name: Name,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Scenarios, as .csv, .xlsx or .json; several may be named.")
    ],
    version: Latest = None,
    replace: Replace = False,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Store scenarios of files, to be run through every version.

    They have to fit the latest version, unless you name one. Nothing is stored if one of them is wrong: each problem is
    on standard error, with its file and scenario.

    engine rules scenarios add credit scenarios.json

    engine rules scenarios add credit more.xlsx --replace --author Ada
    """
    from engine.client.rules.trials import ScenariosRefused

    try:
        with session.client() as client:
            names = client.add_scenarios(
                name, *files, version=version_of(version) or LATEST, replace=replace, author=author or user()
            )
    except ScenariosRefused as error:
        raise refused(error) from None
    if as_json:
        print_json({"done": "add", "name": name, "scenarios": names})
    else:
        print(f"added: {_count(len(names))} of {clean(name)}")


def list_scenarios(session: Session, name: Name, as_json: AsJson = False) -> None:
    """List the scenarios of rules, with their inputs and what is expected.

    engine rules scenarios list credit
    """
    from engine.cli.rules.tables import feel_text

    with session.client() as client:
        found, now_us = client.rule_scenarios(name), client.now_us()
    if as_json:
        print_json([_plain(one) for one in found.values()])
        return
    out = sheet_console()
    if not found:
        out.print("no scenarios", style="dim")
        return
    rows = [
        {
            "scenario": fitting(out, one.scenario.name, 40),
            "decision": fitting(out, one.scenario.decision, 32),
            "inputs": fitting(out, feel_text(one.scenario.inputs), 120),
            "expected": fitting(out, feel_text(one.scenario.expected), 120),
            "author": fitting(out, one.author, 16),
            "added": ago(one.created_us, now_us),
        }
        for one in found.values()
    ]
    out.print(sheet(rows, wraps=("scenario", "decision", "inputs", "expected", "author")))


def show(session: Session, name: Name, scenario: ScenarioName, as_json: AsJson = False) -> None:
    """Show one scenario whole.

    engine rules scenarios show credit "large amount"
    """
    from engine.cli.rules.tables import feel_text
    from engine.rules.scenarios import EPOCH

    with session.client() as client:
        found = client.rule_scenario(name, scenario)
    if as_json:
        print_json(_plain(found))
        return
    one = found.scenario
    lines = {
        "scenario": f"{one.name} of {name}", "decision": one.decision,
        "now": None if one.now == EPOCH else one.now.isoformat(), "inputs": feel_text(one.inputs),
        "expected": feel_text(one.expected), "author": found.author, "added": f"{stamp(found.created_us)} UTC",
    }  # fmt: skip
    out = sheet_console()
    for label, value in lines.items():
        if value is not None:
            out.print(Text(f"{label:<10}", style="dim").append(clean(value), style="not dim"), soft_wrap=True)


def record(  # noqa: PLR0917 - the flags of a command
    session: Session,
    execution: Execution,
    seq: Annotated[
        int | None, typer.Argument(metavar="SEQ", min=1, help="The step; leave it out where only one decides.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="What to call it; else as the execution and step.")
    ] = None,
    replace: Replace = False,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Store a decision that was taken as a scenario, with its inputs, its moment and its outcome.

    engine rules scenarios record 01kb7x2m --name "Ada in May"

    engine rules scenarios record 01kb7x2m 3
    """
    from engine.client.rules.trials import ScenariosRefused

    try:
        with session.client() as client:
            execution_id = client.find_id(execution)
            step = only_decision(client, execution_id) if seq is None else seq
            called = name or f"{execution_id} {step}"
            rules, found = client.record_scenario(execution_id, step, called, replace=replace, author=author or user())
    except ScenariosRefused as error:
        raise refused(error) from None
    if as_json:
        print_json({"done": "record", "name": rules, **_plain(found)})
    else:
        print(f"added: scenario {clean(called)!r} of {clean(rules)}")


def remove(
    session: Session,
    name: Name,
    scenarios: Annotated[list[str], typer.Argument(metavar="SCENARIO", help="The scenarios, by their names.")],
    as_json: AsJson = False,
) -> None:
    """Delete scenarios: all that are named, or none.

    engine rules scenarios remove credit "large amount" child
    """
    with session.client() as client:
        client.remove_scenarios(name, *scenarios)
    if as_json:
        print_json({"done": "remove", "name": name, "scenarios": scenarios})
    else:
        print(f"removed: {_count(len(scenarios))} of {clean(name)}")


def export(
    session: Session,
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to, as .csv, .xlsx or .json.")],
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write the scenarios of rules to a file, to be changed and stored again. One that is there is not written over.

    engine rules scenarios export credit scenarios.json

    engine rules scenarios export credit scenarios.xlsx --force
    """
    from engine.rules.files.scenarios import write_scenarios

    with session.client() as client:
        found = client.rule_scenarios(name)
    write_files({file: write_scenarios(file.name, [one.scenario for one in found.values()])}, force=force)
    if as_json:
        print_json({"done": "export", "name": name, "file": str(file), "scenarios": [*found]})
    else:
        print(f"exported: {_count(len(found))} of {clean(name)} to {file}")


def _count(number: int) -> str:
    return "1 scenario" if number == 1 else f"{number} scenarios"


def _plain(found: StoredScenario) -> dict[str, Any]:
    one = found.scenario
    return {
        "scenario": one.name, "decision": one.decision, "now": one.now.isoformat(), "inputs": plain_value(one.inputs),
        "expected": plain_value(one.expected), "author": found.author, "created_us": found.created_us,
    }  # fmt: skip
