"""Running cases, and counting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.errors import MilepostError
from engine.rules.dmn.reader import read_dmn
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.values import Value
from engine.rules.graph import Graph
from engine.rules.model import Model
from tests.tck.kit import Case, Expectation, cases_of, same

NOW = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
"""The kit asks of now() and today() only what they are."""


@dataclass
class Tally:
    """What came of the cases; one that expects several results counts once, as in the kit's own reports."""

    passed: int = 0
    total: int = 0
    non_null_passed: int = 0
    non_null_total: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    tried: list[str] = field(default_factory=list[str])
    """The names of all cases."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        rate = round(100 * self.passed / self.total, 2) if self.total else 0.0
        return {
            "passed": self.passed,
            "total": self.total,
            "non_null_passed": self.non_null_passed,
            "non_null_total": self.non_null_total,
            "percent": rate,
            "failures": self.failures,
        }


def run(folders: Iterable[Path]) -> Tally:
    """Run every case of these folders."""
    tally = Tally()
    for folder in folders:
        graphs = _Graphs(folder)
        for case in cases_of(folder):
            _count(tally, case, _failures(graphs, case))
    return tally


def _count(tally: Tally, case: Case, failures: list[str]) -> None:
    has_value = any(result.value is not None for result in case.results)
    tally.total += 1
    tally.tried.append(case.name)
    tally.non_null_total += has_value
    if failures:
        tally.failures.append({"case": case.name, "non_null": has_value, "problems": failures})
    else:
        tally.passed += 1
        tally.non_null_passed += has_value


def _failures(graphs: _Graphs, case: Case) -> list[str]:
    try:
        graph = graphs.graph(case.model)
    except (MilepostError, OSError) as error:
        return [f"the model cannot be read: {error}"]
    found = [(expected, *_evaluated(graph, case, expected)) for expected in case.results]
    return [
        f"{expected.node}: expected {expected.value!r}, found {value!r}; {'; '.join(problems) or 'no problems'}"
        for expected, value, problems in found
        if not same(expected.value, value)
    ]


def _evaluated(graph: Graph, case: Case, expected: Expectation) -> tuple[Value, list[str]]:
    problems: list[str] = []
    ev = Evaluation(NOW, problems)
    try:
        if case.kind in ("decisionService", "bkm") and case.invocable is not None:
            value = graph.invoke(ev, case.invocable, case.inputs)
            if isinstance(value, dict) and expected.node in value and case.kind == "decisionService":
                value = value[expected.node]
        else:
            value = graph.decide(ev, expected.node, case.inputs)
    except MilepostError as error:
        return None, [*problems, f"{type(error).__name__}: {error}"]
    return value, problems + graph.problems


class _Graphs:
    """The models of a folder, each compiled once, together with those it imports."""

    def __init__(self, folder: Path) -> None:
        self._models: dict[str, Model] = {}
        self._paths: dict[Path, Model] = {}
        self._compiled: dict[str, Graph] = {}
        for path in sorted(folder.glob("*.dmn")):
            try:
                self._paths[path] = model = read_dmn(path.read_bytes())
            except MilepostError:
                continue
            self._models[model.namespace] = model

    def graph(self, path: Path) -> Graph:
        """Return the graph of a model's file."""
        model = self._paths.get(path) or read_dmn(path.read_bytes())
        return self._of(model)

    def _of(self, model: Model) -> Graph:
        key = f"{model.namespace} {model.name}"
        if key not in self._compiled:
            imported = {
                one.namespace: self._of(self._models[one.namespace])
                for one in model.imports
                if one.namespace in self._models
            }
            self._compiled[key] = Graph(model, imported)
        return self._compiled[key]
