"""Every measurement on every store, as Markdown tables for README.md.

    python -m benchmarks
    python -m benchmarks --quick --stores sqlite

A PostgreSQL server is started for it, unless MILEPOST_TEST_POSTGRESQL names one. What is measured is in ``plan.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.figures import rounded
from benchmarks.harness.markdown import table
from benchmarks.harness.places import server_for
from benchmarks.plan import SECTIONS, Entry
from tests.servers.databases import DatabaseServer
from tests.servers.recipes import RECIPES

TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB"}
NewStore = Callable[[], AbstractContextManager[str]]


def main(arguments: list[str] | None = None) -> int:
    """Measure all, and print."""
    options = parser().parse_args(arguments)
    console = Console(stderr=True, highlight=False)
    try:
        with ExitStack() as stack:
            stores = {kind: _stores(kind, stack) for kind in options.stores.split(",")}
            figures = _measure(stores, options, console)
    except BenchmarkError as error:
        console.print(f"no figures: {error}", markup=False, soft_wrap=True)
        return 1
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    add = made.add_argument
    add("--quick", action="store_true", help="short forms of all: whether they work, not how fast it is")
    add("--stores", default="sqlite,postgresql", metavar="NAMES", help="kinds of stores (default: %(default)s)")
    add("--only", default="", metavar="TEXT", help="the sections whose title has this text in it")
    add("--rounds", type=int, default=1, metavar="N", help=(
        "measure each so often, and show the one with the median of steps a second (default: %(default)s)"
    ))  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write every figure into this file, too")
    return made


def _measure(stores: dict[str, NewStore], options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Measure section by section, print the table of each, and return all figures."""
    every: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for section in SECTIONS:
        if options.only.lower() not in section.title.lower():
            continue
        columns: dict[str, dict[str, Any]] = {}
        for kind, store in stores.items():
            for title, entry in section.entries.items():
                column = TITLES.get(kind, kind) + title
                console.print(f"{section.title}: {column}", style="dim")
                columns[column] = rounded(_median(entry, store, options))
                facts.setdefault(kind, columns[column]["facts"])
        every[section.title] = columns
        print(f"## {section.title}\n\n{table(section.rows, columns)}\n", flush=True)
    for each in facts.values():
        durability = ", ".join(f"{name} = {value}" for name, value in each["durability"].items())
        print(f"Python {each['python']}, {each['store']} ({durability}), {each['cpus']} processors.")
    return every


def _median(entry: Entry, store: NewStore, options: argparse.Namespace) -> dict[str, Any]:
    rounds: list[dict[str, Any]] = []
    for _ in range(options.rounds):
        with store() as url:
            rounds.append(entry.run(url, quick=options.quick))
    rounds.sort(key=lambda figures: figures.get("steps_per_s", 0.0))
    return rounds[len(rounds) // 2]


def _stores(kind: str, stack: ExitStack) -> NewStore:
    """Return what makes a fresh store of this kind; on one server for all of them."""
    if kind == "sqlite":
        return lambda: nullcontext(kind)
    given = os.environ.get(RECIPES[kind].variable) if kind in RECIPES else None
    if given:
        server = DatabaseServer(given)
        stack.callback(server.close)
    else:
        server = stack.enter_context(server_for(kind))
    return server.fresh_database


if __name__ == "__main__":
    sys.exit(main())
