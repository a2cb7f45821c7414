"""How many durable steps a second, at what cost, and how long one flow takes on an idle cluster.

    python -m benchmarks.throughput --store sqlite
    python -m benchmarks.throughput --store postgresql://user:password@host/database --broker sql+store --json

Flows of a few steps that do nothing are started all at once by the public client, and run by worker processes with
their default settings. Before that, single flows are run one after the other on the idle cluster. ``baseline`` is how
many single-row commits a second the same store took in the same run, before and after.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import flows
from benchmarks.harness.baseline import commits_per_second
from benchmarks.harness.cost import Cost, Meter
from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.facts import facts_of
from benchmarks.harness.figures import per, spread
from benchmarks.harness.options import add_options, cluster_of, place_of
from benchmarks.harness.output import report
from benchmarks.harness.places import Place
from benchmarks.harness.waiting import wait_until_ended
from engine import Client, Flow

WARM_UP_FLOWS = 20
"""So that what is done once, as loading modules and preparing statements, is not measured."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print."""
    options = parser().parse_args(arguments)
    return report(lambda: measure(options), as_json=options.json)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=(__doc__ or "").splitlines()[0])
    add_options(made)
    made.add_argument("--flows", type=int, default=1000, metavar="N", help="executions (default: %(default)s)")
    made.add_argument("--steps", type=int, default=10, metavar="N", help="steps of each (default: %(default)s)")
    kind = made.add_mutually_exclusive_group()
    kind.add_argument("--inline", action="store_true", help="steps that are recorded with what follows from them")
    kind.add_argument("--async-steps", action="store_true", help="steps that are coroutines")
    made.add_argument("--latency-flows", type=int, default=50, metavar="N", help=(
        "flows that are run one after the other, of each kind (default: %(default)s)"
    ))  # fmt: skip
    made.add_argument("--baseline-seconds", type=float, default=2.0, metavar="SECONDS", help=(
        "how long single commits are counted, half of it before and half after (default: %(default)s)"
    ))  # fmt: skip
    return made


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return every figure."""
    with place_of(options) as place:
        facts = facts_of(place.database)
        before = commits_per_second(place.database, options.baseline_seconds / 2)
        latency = dict(_latency(options, place))
        load = _load(options, place)
        after = commits_per_second(place.database, options.baseline_seconds / 2)
    baseline = (before + after) / 2
    return {
        "benchmark": "throughput",
        "flows": options.flows,
        "steps": options.steps,
        "workers": options.workers,
        "kind": _kind(options),
        "broker": options.broker.partition(":")[0],
        **load,
        **latency,
        "baseline": baseline,
        "ratio": load["steps_per_s"] / baseline,
        "facts": facts,
    }


def _kind(options: argparse.Namespace) -> str:
    return "inline" if options.inline else "async" if options.async_steps else "plain"


def _latency(options: argparse.Namespace, place: Place) -> Iterator[tuple[str, dict[str, float]]]:
    """Run flows one after the other, from the start to the result as the client sees it."""
    kinds: dict[str, Flow[[int], int]] = {"latency_ms": flows.counting, "latency_inline_ms": flows.counting_inline}
    with cluster_of(options, place), Client(place.store, broker=place.broker) as client:
        for name, flow in kinds.items():
            times: list[float] = []
            for number in range(WARM_UP_FLOWS + options.latency_flows):
                began = time.perf_counter()
                if client.start(flow, options.steps).result(options.timeout) != options.steps:
                    raise BenchmarkError("a flow had another result than it should")
                if number >= WARM_UP_FLOWS:
                    times.append(time.perf_counter() - began)
            yield name, spread(times)


def _load(options: argparse.Namespace, place: Place) -> dict[str, Any]:
    """Run all flows at once."""
    flow = {"plain": flows.counting, "async": flows.counting_async, "inline": flows.counting_inline}[_kind(options)]
    counted = place.counts()
    with cluster_of(options, place) as cluster, Client(place.store, broker=place.broker) as client:
        client.start_many(flow, [(options.steps,)] * WARM_UP_FLOWS)
        wait_until_ended(place, cluster, options.timeout)
        warm = place.counts()
        meter = Meter(place, cluster)
        client.start_many(flow, [(options.steps,)] * options.flows)
        wait_until_ended(place, cluster, options.timeout)
        cost = meter.read()
        run = place.counts().since(warm)
        rss_mb = cluster.rss_mb()
    # Only now have all sessions reported what they did: so their transactions are counted with those of the warm-up.
    whole = place.counts().since(counted)
    steps = options.flows * options.steps
    if run.steps != steps:
        raise BenchmarkError(f"{run.steps} steps were recorded, and not {steps}")
    return _figures(steps, cost) | {
        "rss_mb": rss_mb,
        "commits_per_step": run.flushes / steps,
        "transactions_per_step": per(whole.transactions, whole.steps),
        # A flow is begun by a message of its own, as each of its steps is.
        "messages_per_step": per(run.messages, run.steps + run.flows),
    }


def _figures(steps: int, cost: Cost) -> dict[str, Any]:
    cpu = cost.per(steps / 1000)
    return {
        "seconds": cost.wall,
        "steps_per_s": steps / cost.wall,
        "cpu_s_per_1000_steps": cpu.pop("total"),
        "cpu_parts": cpu,
    }


if __name__ == "__main__":
    sys.exit(main())
