"""One flow with thousands of steps, one after the other."""

from __future__ import annotations

import argparse
from typing import Any

from sqlalchemy import text

from benchmarks import flows
from benchmarks.harness.load import Load, run_load, warmed_up
from benchmarks.harness.options import cluster_of, place_of
from benchmarks.harness.places import Place

WORKERS = 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this shape."""
    add = parser.add_argument
    add("--steps", type=int, default=5000, metavar="N", help="steps (default: %(default)s)")
    add("--part", type=int, default=500, metavar="N", help=(
        "how many of the first and the last are looked at by themselves (default: %(default)s)"
    ))  # fmt: skip
    add("--inline", action="store_true", help="steps that are recorded with what follows from them")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return every figure."""
    flow = flows.counting_inline if options.inline else flows.counting
    load = Load(flow, [(options.steps,)], options.steps)
    with place_of(options) as place:
        figures = run_load(place, lambda: cluster_of(options, place), load, options.timeout, warmed_up)
        first, last = _parts(place, options.steps, min(options.part, options.steps // 2))
    return {
        "benchmark": "sequential",
        "steps": options.steps,
        "workers": options.workers,
        "inline": options.inline,
        **figures,
        "ms_per_step": {"first": first, "last": last},
        "last_to_first": last / first,
    }


def _parts(place: Place, steps: int, part: int) -> tuple[float, float]:
    """Return the milliseconds of each of the first and of the last steps, by the times that were recorded."""
    query = text(
        "SELECT finished_us FROM milepost_steps WHERE execution_id = (SELECT max(id) FROM milepost_executions) "
        "AND seq = :seq"
    )
    with place.database.read() as tx:
        times = [
            int(tx.connection.execute(query, {"seq": seq}).scalar_one()) for seq in (1, part, steps - part + 1, steps)
        ]
    between = (part - 1) * 1e3
    return (times[1] - times[0]) / between, (times[3] - times[2]) / between
