"""How many durable steps a second, at what cost, and how long one flow takes on an idle cluster.

    python -m benchmarks.throughput --store sqlite
    python -m benchmarks.throughput --store postgresql://user:password@host/database --broker sql+store --json

Flows of a few steps that do nothing are started all at once by the public client, and run by worker processes with
their default settings. Before that, single flows are run one after the other on the idle cluster. ``baseline`` is how
many single-row commits a second the same store took in the same run, before and after.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from typing import Any

from benchmarks import flows
from benchmarks.harness.baseline import commits_per_second
from benchmarks.harness.cost import Meter
from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.figures import spread
from benchmarks.harness.load import WARM_UP_FLOWS, Load, run_load, warmed_up
from benchmarks.harness.options import add_options, cluster_of, place_of
from benchmarks.harness.output import report
from benchmarks.harness.places import Place
from engine import Client, Flow

FLOWS: dict[str, Flow[[int], int]] = {
    "plain": flows.counting, "async": flows.counting_async, "inline": flows.counting_inline,
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print."""
    options = parser().parse_args(arguments)
    return report(lambda: measure(options), as_json=options.json)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=(__doc__ or "").splitlines()[0])
    add_options(made)
    add = made.add_argument
    add("--flows", type=int, default=2000, metavar="N", help="executions (default: %(default)s)")
    add("--steps", type=int, default=10, metavar="N", help="steps of each (default: %(default)s)")
    kind = made.add_mutually_exclusive_group()
    for name, text in (
        ("inline", "steps that are recorded with what follows from them"), ("async", "steps that are coroutines"),
    ):  # fmt: skip
        kind.add_argument(f"--{name}", dest="kind", action="store_const", const=name, default="plain", help=text)
    add("--latency-flows", type=int, default=50, metavar="N", help=(
        "flows that are run one after the other, with plain steps and with inline ones (default: %(default)s)"
    ))  # fmt: skip
    add("--baseline-seconds", type=float, default=2.0, metavar="SECONDS", help=(
        "how long single commits are counted, half of it before and half after (default: %(default)s)"
    ))  # fmt: skip
    return made


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return every figure."""
    flow = FLOWS[options.kind]
    load = Load(flow, [(options.steps,)] * options.flows, options.steps)
    warm_up = functools.partial(warmed_up, flow=flow)
    with place_of(options) as place:
        before = commits_per_second(place.database, options.baseline_seconds / 2)
        latency = _latency(options, place)
        figures = run_load(place, lambda: cluster_of(options, place), load, options.timeout, warm_up)
        after = commits_per_second(place.database, options.baseline_seconds / 2)
    baseline = (before + after) / 2
    return {
        "benchmark": "throughput",
        "flows": options.flows,
        "steps": options.steps,
        "workers": options.workers,
        "kind": options.kind,
        **figures,
        **latency,
        "baseline": baseline,
        "ratio": figures["steps_per_s"] / baseline,
    }


def _latency(options: argparse.Namespace, place: Place) -> dict[str, Any]:
    """Run flows one after the other, from the start to the result as the client sees it."""
    found: dict[str, Any] = {}
    count = options.latency_flows
    with cluster_of(options, place) as cluster, Client(place.store, broker=place.broker) as client:
        for name, kind in (("latency", "plain"), ("latency_inline", "inline")):
            _run_singly(client, FLOWS[kind], options, min(WARM_UP_FLOWS, count))
            before, meter = place.counts(), Meter(place, cluster)
            times = _run_singly(client, FLOWS[kind], options, count)
            # Where other work disturbs the times, this does not change much.
            cpu = meter.read().per(count / 1000)
            found[f"{name}_ms"] = spread(times)
            found[f"{name}_cpu_ms"] = cpu
            found[f"{name}_commits_per_flow"] = place.counts().since(before).flushes / count
    return found


def _run_singly(client: Client, flow: Flow[[int], int], options: argparse.Namespace, count: int) -> list[float]:
    times: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        result = client.start(flow, options.steps).result(options.timeout)
        times.append(time.perf_counter() - began)
        if result != options.steps:
            raise BenchmarkError(f"a flow's result is {result}, and not {options.steps}")
    return times


if __name__ == "__main__":
    sys.exit(main())
