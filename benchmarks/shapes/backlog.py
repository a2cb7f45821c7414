"""Very many steps that are ready at once, for workers that are few."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks import flows
from benchmarks.harness.load import Load, run_load
from benchmarks.harness.options import cluster_of, place_of

WORKERS = 1


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this shape."""
    add = parser.add_argument
    add("--steps", type=int, default=100_000, metavar="N", help="ready steps (default: %(default)s)")
    add("--width", type=int, default=1000, metavar="N", help="how many of them a flow has (default: %(default)s)")
    add("--step-ms", type=float, default=0.0, metavar="MS", help="how long a step takes (default: %(default)s)")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return every figure."""
    width = min(options.width, options.steps)
    count = options.steps // width
    load = Load(flows.working, [(width, options.step_ms)] * count, width)
    with place_of(options) as place:
        figures = run_load(place, lambda: cluster_of(options, place), load, options.timeout)
    return {"benchmark": "backlog", "steps": load.steps, "workers": options.workers, **figures}
