"""One flow with thousands of steps side by side."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks import flows
from benchmarks.harness.load import Load, run_load, warmed_up
from benchmarks.harness.options import cluster_of, place_of

WORKERS = 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this shape."""
    parser.add_argument("--steps", type=int, default=10_000, metavar="N", help="steps (default: %(default)s)")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return every figure."""
    load = Load(flows.fanning, [(options.steps,)], options.steps)
    with place_of(options) as place:
        figures = run_load(place, lambda: cluster_of(options, place), load, options.timeout, warmed_up)
    return {"benchmark": "fan-out", "steps": options.steps, "workers": options.workers, **figures}
