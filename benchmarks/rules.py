"""Decision tables: how many decisions per second one thread makes, beside other libraries that are installed.

    python -m benchmarks.rules
    python -m benchmarks.rules --seconds 3 --rounds 7 --json

Peers are measured in the same run, in turn, where they are installed: ``pip install zen-engine rule-engine``. All get
the same inputs and must come to the same outcomes.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.rules.authoring import decision_table, feel
from engine.rules.decider import TableDecider
from engine.rules.model import DecisionTable, InputClause, OutputClause, Rule

Inputs = dict[str, Any]
Decide = Callable[[Any], Any]
INPUTS = 1000
SECOND = 1e9


@dataclass(frozen=True)
class Subject:
    """Something that decides, and how it is called."""

    name: str
    decide: Decide
    given: Callable[[Inputs], Any] = dict
    """Makes of inputs by name what it is given, which is not measured."""


@dataclass(frozen=True, slots=True)
class Applicant:
    """The inputs as a model."""

    amount: int
    status: str
    age: int
    member: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """The outcome as a model."""

    outcome: str
    band: int


def offer(applicant: Applicant) -> Offer:
    """The signature of the typed table."""
    raise NotImplementedError


def credit_table(rows: int) -> DecisionTable:
    """Return a table of four inputs: two numbers, a text and a truth value. Exactly one rule matches an input."""
    bands = max(rows // 4, 1)
    width = 100_000 // bands
    rules: list[Rule] = []
    for band in range(bands):
        low, high = band * width, (band + 1) * width if band < bands - 1 else 1_000_000
        amount = f"[{low}..{high})"
        rules += [
            Rule((amount, '"employed", "retired"', ">= 25", "-"), (f'"A{band}"', str(band))),
            Rule((amount, '"employed", "retired"', "< 25", "true"), (f'"B{band}"', str(band))),
            Rule((amount, '"employed", "retired"', "< 25", "false"), (f'"C{band}"', str(band))),
            Rule((amount, 'not("employed", "retired")', "-", "-"), (f'"D{band}"', str(band))),
        ]
    inputs = (InputClause("amount"), InputClause("status"), InputClause("age"), InputClause("member"))
    return DecisionTable(inputs, (OutputClause("outcome"), OutputClause("band")), tuple(rules), "FIRST")


def random_inputs(seed: int) -> list[Inputs]:
    """Return inputs that spread over the whole table."""
    source = random.Random(seed)
    return [
        {
            "amount": source.randrange(120_000),
            "status": source.choice(["employed", "retired", "student", "other"]),
            "age": source.randrange(18, 90),
            "member": source.random() < 0.5,
        }
        for _ in range(INPUTS)
    ]


def now() -> datetime:
    """The moment of these decisions; no table asks for it."""
    return datetime(2024, 1, 1, tzinfo=UTC)


def subjects(table: DecisionTable) -> list[Subject]:
    """Return what is measured: this engine, with and without trace and typed, and the peers that are installed."""
    decider = TableDecider(table, now)
    rows = [tuple(map(feel, (*rule.conditions, *rule.conclusions))) for rule in table.rules]
    typed = decision_table(rows, policy=table.hit_policy)(offer)
    found = [
        Subject("milepost", decider.decide),
        Subject("milepost, with trace", decider.trace),
        Subject("milepost, typed", typed, lambda inputs: Applicant(**inputs)),
    ]
    return found + [peer for make in (by_zen, by_rule_engine) if (peer := make(table)) is not None]


def by_zen(table: DecisionTable) -> Subject | None:
    """GoRules' engine, written in Rust, called in the quickest way: a model that is compiled once, by its name."""
    try:
        import zen  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    library: Any = zen
    names = [clause.expression for clause in table.inputs]
    rules = [
        {
            "_id": str(place),
            **{f"i{column}": _zen_cell(text) for column, text in enumerate(rule.conditions)},
            "o0": rule.conclusions[0],
            "o1": rule.conclusions[1],
        }
        for place, rule in enumerate(table.rules)
    ]
    content = {
        "hitPolicy": "first",
        "inputs": [{"id": f"i{place}", "name": name, "field": name} for place, name in enumerate(names)],
        "outputs": [
            {"id": f"o{place}", "name": one.name, "field": one.name} for place, one in enumerate(table.outputs)
        ],
        "rules": rules,
    }
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in"},
        {"id": "table", "type": "decisionTableNode", "name": "table", "content": content},
        {"id": "out", "type": "outputNode", "name": "out"},
    ]
    edges = [
        {"id": "1", "sourceId": "in", "targetId": "table", "type": "edge"},
        {"id": "2", "sourceId": "table", "targetId": "out", "type": "edge"},
    ]
    # What create_decision returns is compiled anew at each call, which takes twenty times as long.
    compiled: Any = library.ZenDecisionContent(json.dumps({"nodes": nodes, "edges": edges}))
    engine: Any = library.ZenEngine({"loader": lambda _name: compiled})
    return Subject("zen-engine (Rust)", lambda inputs: engine.evaluate("credit", inputs)["result"])


def _zen_cell(text: str) -> str:
    if text == "-":
        return ""
    if text.startswith("not("):
        return f"$ not in [{text[4:-1]}]"
    return text


def by_rule_engine(table: DecisionTable) -> Subject | None:
    """The best known rule library of pure Python: an expression for each rule, the first that is true."""
    try:
        import rule_engine  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    engine: Any = rule_engine
    names = [clause.expression for clause in table.inputs]
    rules = [
        (
            engine.Rule(
                " and ".join(_expression(name, cell) for name, cell in zip(names, rule.conditions, strict=True))
            ),
            {"outcome": rule.conclusions[0].strip('"'), "band": int(rule.conclusions[1])},
        )
        for rule in table.rules
    ]

    def decide(inputs: Inputs) -> Any:
        return next((outcome for rule, outcome in rules if rule.matches(inputs)), None)

    return Subject("rule-engine", decide)


def _expression(name: str, cell: str) -> str:
    if cell == "-":
        return "true"
    if cell.startswith("["):
        low, high = cell[1:-1].split("..")
        return f"({name} >= {low} and {name} < {high})"
    if cell.startswith("not("):
        return f"not ({name} in [{cell[4:-1]}])"
    if cell[0] in "<>":
        return f"{name} {cell}"
    return f"{name} in [{cell}]"


def check(found: Sequence[Subject], inputs: Sequence[Inputs]) -> None:
    """See that all come to the same outcomes."""
    expected = [found[0].decide(one) for one in inputs]
    for subject in found[1:]:
        for one, outcome in zip(inputs[:200], expected[:200], strict=True):
            other = subject.decide(subject.given(one))
            other = asdict(other) if isinstance(other, Offer) else getattr(other, "outcome", other)
            if other != outcome:
                raise SystemExit(f"{subject.name} decides {other!r} for {one}, and milepost {outcome!r}")


def measured(subject: Subject, inputs: Sequence[Inputs], seconds: float) -> float:
    """Return decisions per second of processor time, on one thread."""
    decide, count = subject.decide, 0
    given = [subject.given(one) for one in inputs]
    began = time.process_time_ns()
    while (spent := time.process_time_ns() - began) < seconds * SECOND:
        for one in given:
            decide(one)
            count += 1
            if count % 64 == 0 and time.process_time_ns() - began >= seconds * SECOND:
                break
    return count / (spent / SECOND)


def compile_ms(rows: int) -> float:
    """Return how long a table takes to be compiled, in milliseconds of processor time: the least of five."""
    times: list[float] = []
    for shift in range(5):
        # Other texts each time: cells that were read before are known.
        table = credit_table(rows)
        rules = tuple(
            Rule((rule.conditions[0].replace("[", f"[{shift}0000"), *rule.conditions[1:]), rule.conclusions)
            for rule in table.rules
        )
        varied = DecisionTable(table.inputs, table.outputs, rules, table.hit_policy)
        began = time.process_time_ns()
        TableDecider(varied, now)
        times.append((time.process_time_ns() - began) / 1e6)
    return min(times)


def run(seconds: float, rounds: int) -> dict[str, Any]:
    """Measure everything, the subjects in turn, and return medians."""
    result: dict[str, Any] = {
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in ("zen-engine", "rule-engine")},
        "compile_ms_1000_rows": round(compile_ms(1000), 1),
    }
    inputs = random_inputs(1)
    for rows in (20, 1000):
        found = subjects(credit_table(rows))
        check(found, inputs)
        rates: dict[str, list[float]] = {subject.name: [] for subject in found}
        for _ in range(rounds):
            for subject in found:
                rates[subject.name].append(measured(subject, inputs, seconds))
        result[f"decisions_per_s_{rows}_rows"] = {name: round(statistics.median(all_)) for name, all_ in rates.items()}
    return result


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def show(result: dict[str, Any]) -> None:
    """Print the figures as a table."""
    table = Table("decisions/s, one thread", "20 rows", "1,000 rows", title="Decision tables of 4 inputs")
    small, large = result["decisions_per_s_20_rows"], result["decisions_per_s_1000_rows"]
    for name in small:
        table.add_row(name, f"{small[name]:,}", f"{large[name]:,}")
    Console().print(table)
    Console().print(f"compiling 1,000 rows: {result['compile_ms_1000_rows']} ms; Python {result['python']}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each subject is measured at a time")
    parser.add_argument("--rounds", type=int, default=5, help="how many times, in turn")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    result = run(options.seconds, options.rounds)
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
