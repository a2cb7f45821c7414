"""Small tables for properties, and inputs that are enough to see all that cells of them can say."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product
from typing import Any

from hypothesis import strategies as st

from engine.rules.decider import TableDecider
from engine.rules.explaining import explain
from engine.rules.model import DecisionTable, HitPolicy, InputClause, OutputClause, Rule

NOW = datetime(2024, 1, 1, tzinfo=UTC)
NUMBERS = ["0", "1", "2.5"]
MOMENTS = ['@"2024-01-31T00:00:00Z"', 'date and time("2024-02-01T01:00:00+02:00")']
LOCAL = '@"2024-01-31T12:00:00"'
DATES = ['date("2024-01-31")', '@"2024-02-02"']
MIXED = [
    '"a"', '!= "a"', "1", "< 1", "true", "null", "= null", "!= null", DATES[0], LOCAL, f"> {LOCAL}", f"!= {LOCAL}",
    MOMENTS[0],
]  # fmt: skip
SAMPLES: dict[str, list[Any]] = {
    "number": [-1, 0, Decimal("0.5"), 1, 2, Decimal("2.5"), 3],
    "string": ["a", "b", "z"],
    "boolean": [True, False],
    "date and time": [datetime(2024, 1, 31, hour, minute, tzinfo=UTC) for hour in (0, 23) for minute in (0, 1)]
    + [datetime(2024, 1, 30, 23, tzinfo=UTC), datetime(2024, 1, 31, 22, 59, tzinfo=UTC)],
    "date": [date(2024, 1, day) for day in (30, 31)] + [date(2024, 2, day) for day in (1, 2, 3)],
}


def ordered(bounds: list[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from(["", "=", "<", "<=", ">", ">="])
    ends = st.tuples(st.integers(0, len(bounds) - 1), st.integers(0, len(bounds) - 1))
    ranges = st.builds(
        lambda left, pair, right: f"{left}{bounds[pair[0]]}..{bounds[pair[1]]}{right}",
        st.sampled_from("[("), ends, st.sampled_from("])"),
    )  # fmt: skip
    return st.builds(lambda sign, bound: f"{sign} {bound}".strip(), signs, st.sampled_from(bounds)) | ranges


def lists(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.lists(parts, min_size=1, max_size=2).map(", ".join)
    return joined | joined.map(lambda text: f"not({text})") | st.just("-") | st.just("-")


CELLS = {
    "number": lists(ordered(NUMBERS)) | st.sampled_from([f"!= {number}" for number in NUMBERS]),
    "string": lists(st.sampled_from(['"a"', '"b"'])) | st.just('!= "a"'),
    "boolean": lists(st.sampled_from(["true", "false"])),
    "date": lists(ordered(DATES)),
    "date and time": lists(ordered(MOMENTS)),
    # Cells of several domains, and null.
    "mixed": lists(st.sampled_from(MIXED)),
}
ALLOWED = {
    "number": "[0..2.5]",
    "string": '"a", "b"',
    "boolean": "true",
    "date": f"> {DATES[0]}",
    "date and time": f"> {MOMENTS[0]}",
}
OPAQUE = {
    "number": "? + 1 > 2",
    "string": 'starts with(?, "a")',
    "boolean": "? and true",
    "date": "?.year = 2024",
    "date and time": "?.year = 2024",
}


@st.composite
def tables(draw: st.DrawFn, opaque: bool = False, most_rules: int = 5) -> tuple[DecisionTable, list[list[Any]]]:
    """Return a table, and values for each of its columns."""
    kinds = draw(st.lists(st.sampled_from(sorted(SAMPLES if opaque else CELLS)), min_size=1, max_size=2))
    clauses: list[InputClause] = []
    for place, kind in enumerate(kinds):
        typed = kind != "mixed" and draw(st.booleans())
        limited = typed and draw(st.booleans())
        clauses.append(InputClause(f"c{place}", None, kind if typed else None, ALLOWED[kind] if limited else None))
    rules: list[Rule] = []
    for _ in range(draw(st.integers(1, most_rules))):
        cells = [OPAQUE[kind] if opaque and draw(st.integers(0, 3)) == 0 else draw(CELLS[kind]) for kind in kinds]
        rules.append(Rule(tuple(cells), (str(draw(st.integers(1, 2))),)))
    policy: HitPolicy = draw(st.sampled_from(["UNIQUE", "FIRST", "ANY", "COLLECT"]))
    table = DecisionTable(tuple(clauses), (OutputClause("out"),), tuple(rules), policy)
    return table, [_samples(table, place, kind) for place, kind in enumerate(kinds)]


def _samples(table: DecisionTable, place: int, kind: str) -> list[Any]:
    texts = " ".join(rule.conditions[place] for rule in table.rules)
    if kind != "mixed":
        return SAMPLES[kind]
    # Only what the cells speak of counts there.
    found: list[Any] = [None] if "null" in texts else []
    found += SAMPLES["string"] if '"a"' in texts else []
    found += SAMPLES["boolean"] if "true" in texts else []
    found += SAMPLES["number"] if "1" in re.sub(r'"[^"]*"', "", texts) else []
    found += SAMPLES["date"] if "date(" in texts else []
    found += SAMPLES["date and time"] if "Z" in texts else []
    found += [datetime(2024, 1, 31, hour) for hour in (11, 12, 13)] if LOCAL in texts else []  # noqa: DTZ001
    return found if found not in ([], [None]) else [*found, "any"]


def decider(table: DecisionTable) -> TableDecider:
    return TableDecider(table, lambda: NOW)


def matched_by_samples(table: DecisionTable, samples: list[list[Any]]) -> list[tuple[dict[str, Any], tuple[int, ...]]]:
    """Return the rules that match, by the reference, for all combinations of samples that the table allows."""
    one = decider(table)
    found: list[tuple[dict[str, Any], tuple[int, ...]]] = []
    for values in product(*samples):
        inputs = {f"c{place}": value for place, value in enumerate(values)}
        explained = explain(one, inputs)
        if explained.rules:
            found.append((inputs, explained.matched))
    return found
