"""Scenarios of rules, kept by the name of the rules: what every version has to come to.

Every change takes turns with activations, which may depend on scenarios.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from engine.errors import RuleNotFound
from engine.model.policy import RuleScenario
from engine.model.topics import RULES
from engine.store.batches import BatchInsert
from engine.store.generations import bump
from engine.store.rules.versions import read_shelf
from engine.store.schema import rule_scenarios

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from engine.store.database import Transaction

ADD = BatchInsert(
    rule_scenarios, ("name", "scenario", "decision", "inputs", "expected", "now_us", "author", "created_us")
)


def find_scenarios(tx: Transaction, name: str) -> list[RuleScenario]:
    """Return the scenarios of the rules of a name, by their names."""
    of = rule_scenarios.c
    found = tx.connection.execute(select(rule_scenarios).where(of.name == name).order_by(of.scenario))
    return [
        RuleScenario(
            rule=row.name, name=row.scenario, decision=row.decision, inputs=row.inputs, expected=row.expected,
            now_us=row.now_us, author=row.author, created_us=row.created_us,
        )
        for row in found
    ]  # fmt: skip


def add_scenarios(
    tx: Transaction,
    name: str,
    scenarios: Sequence[RuleScenario],
    *,
    replace: bool,
    admit: Callable[[Sequence[RuleScenario]], None],
) -> None:
    """Add scenarios; ``replace`` those of the same names. The time at which they are added is that of the store.

    ``admit`` is given those that are there and stay, and raises if the new ones cannot be beside them: nobody else
    adds any meanwhile. Raises RuleNotFound.
    """
    bump(tx, RULES)
    read_shelf(tx, name)
    names = {one.name for one in scenarios}
    there = find_scenarios(tx, name)
    admit([one for one in there if not replace or one.name not in names])
    if replace:
        _delete(tx, name, names & {one.name for one in there})
    rows = [
        (name, one.name, one.decision, one.inputs, one.expected, one.now_us, one.author, tx.now_us) for one in scenarios
    ]
    tx.dialect.insert(tx.connection, ADD, rows)


def remove_scenarios(tx: Transaction, name: str, scenarios: Collection[str]) -> None:
    """Delete scenarios by their names: all of them or none. Raises RuleNotFound if there is no rule or scenario so."""
    bump(tx, RULES)
    read_shelf(tx, name)
    missing = {*scenarios} - {one.name for one in find_scenarios(tx, name)}
    if missing:
        raise no_scenario(name, min(missing))
    _delete(tx, name, {*scenarios})


def no_scenario(name: str, scenario: str) -> RuleNotFound:
    """Return the error that says that there is no such scenario."""
    return RuleNotFound(
        f"the rules {name!r} have no scenario {scenario!r}; `engine rules scenarios list {name}` shows those there are"
    )


def _delete(tx: Transaction, name: str, scenarios: Collection[str]) -> None:
    of = rule_scenarios.c
    for scenario in sorted(scenarios):
        tx.connection.execute(delete(rule_scenarios).where(of.name == name, of.scenario == scenario))
