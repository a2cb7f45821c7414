"""Printing what was measured: as JSON for programs, as a table for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.figures import rounded


def report(measure: Callable[[], Mapping[str, Any]], *, as_json: bool) -> int:
    """Measure and print; return the exit code."""
    try:
        figures = rounded(measure())
    except BenchmarkError as error:
        Console(stderr=True, highlight=False).print(f"no figures: {error}", markup=False, soft_wrap=True)
        return 1
    if as_json:
        json.dump(figures, sys.stdout)
        print()
        return 0
    table = Table(box=None, show_header=False)
    for name, value in flat(figures):
        table.add_row(name, said(value))
    Console(highlight=False).print(table)
    return 0


def flat(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every figure by its name, with those of tables within by theirs."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from flat(cast("Mapping[str, Any]", value), f"{prefix}{name}.")
        else:
            yield prefix + name, value


def said(value: Any) -> str:
    """Write a figure for people."""
    if value is None:
        return "not known"
    if isinstance(value, list):
        return ", ".join(said(each) for each in cast("list[Any]", value))
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
