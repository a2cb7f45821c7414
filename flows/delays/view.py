"""The picture at the end: who decided what, what it cost, one flight of each kind, and the checks."""

from __future__ import annotations

from collections import Counter

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.delays.checks import ASKED
from flows.delays.data import Trip
from flows.delays.record import Decided, Facts
from flows.demo.proof import Proof

ACTIONS = ("none", "meal", "hotel", "voucher", "cash")


def draw(facts: Facts, proofs: list[Proof]) -> RenderableType:
    """Return everything to print at the end."""
    return Group(
        Text("\nWhich version decided", style="bold"),
        _deciders(facts),
        Text("\nHow often each was decided, and the dollars for one passenger of each flight", style="bold"),
        _totals(facts),
        Text("\nShort flights in fair weather, three hours late and more", style="bold"),
        _examples(facts),
        Text("\nChecked in the store", style="bold"),
        _proofs(proofs),
    )


def one_to_explain(facts: Facts) -> Decided | None:
    """Return an old flight's decision by the line that was changed, if there is one."""
    return next(iter(_by_the_changed_line(facts, facts.before)), None)


def _deciders(facts: Facts) -> Table:
    table = _table("Flights", "at the gate", "on arrival")
    for name, executions in (("left before the change", facts.before), ("left after it", facts.after)):
        cells = [_versions([each[place] for each in _decisions(facts, executions)]) for place in range(ASKED)]
        table.add_row(f"{len(executions)} {name}", *cells)
    return table


def _versions(decisions: list[Decided]) -> str:
    counts = Counter(one.version for one in decisions)
    return ", ".join(f"{count} by version {version}" for version, count in sorted(counts.items()))


def _totals(facts: Facts) -> Table:
    table = _table("By", *ACTIONS, "together")
    for version in facts.versions:
        of_it = [one for one in facts.taken(facts.trips) if one.version == version]
        sums = {action: [one.dollars for one in of_it if one.action == action] for action in ACTIONS}
        cells = [f"{len(found)}, ${sum(found):,}" if sum(found) else str(len(found)) for found in sums.values()]
        table.add_row(f"version {version}", *cells, f"{len(of_it)}, ${sum(one.dollars for one in of_it):,}")
    return table


def _examples(facts: Facts) -> Table:
    table = _table("Flight", "delay on arrival", "decided by", "given")
    for executions in (facts.before, facts.after):
        for one in _by_the_changed_line(facts, executions)[:3]:
            trip = executions[one.execution_id]
            table.add_row(
                _name(trip), f"{trip.arrival_delay} min", f"version {one.version}", f"{one.action}, ${one.dollars}"
            )
    return table


def _by_the_changed_line(facts: Facts, executions: dict[str, Trip]) -> list[Decided]:
    """Return decisions on arrival that gave cash, of flights of less than a thousand miles, in the flights' order."""
    found = [each[-1] for each in _decisions(facts, executions)]
    return [one for one in found if one.action == "cash" and executions[one.execution_id].flight.miles < 1000]


def _decisions(facts: Facts, executions: dict[str, Trip]) -> list[list[Decided]]:
    """Return the decisions of each flight that has all of them."""
    found = [facts.decisions.get(execution_id, []) for execution_id in executions]
    return [each for each in found if len(each) == ASKED]


def _proofs(proofs: list[Proof]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for proof in proofs:
        mark = Text("yes", style="bold green") if proof.holds else Text("NO", style="bold red")
        grid.add_row(Text(" "), mark, Text(proof.claim), Text(proof.counted, style="dim"))
    return grid


def _name(trip: Trip) -> str:
    flight = trip.flight
    return f"{flight.date} {flight.number} {flight.origin}-{flight.destination}"


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 1), pad_edge=False, header_style="dim")
    for title in (first, *others):
        table.add_column(title, no_wrap=True)
    return table
