"""A load: executions that are started all at once, run to their end, and what that has cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import flows
from benchmarks.harness.cluster import Cluster
from benchmarks.harness.cost import Meter
from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.facts import facts_of
from benchmarks.harness.figures import per
from benchmarks.harness.places import Place
from benchmarks.harness.waiting import wait_until_ended
from engine import Client, Flow

WARM_UP_FLOWS = 20
"""So that what is done once, as loading modules and preparing statements, is not measured."""
WARM_UP_STEPS = 10

WarmUp = Callable[[Client], object]


@dataclass(frozen=True)
class Load:
    """One execution of a flow for each of ``arguments``, with so many steps in each."""

    flow: Flow[..., Any]
    arguments: Sequence[tuple[Any, ...]]
    steps_each: int

    @property
    def steps(self) -> int:
        """All steps together."""
        return len(self.arguments) * self.steps_each


def warmed_up(client: Client, flow: Flow[[int], int] = flows.counting) -> None:
    """Start a few flows, for the workers to have done everything once."""
    client.start_many(flow, [(WARM_UP_STEPS,)] * WARM_UP_FLOWS)


def run_load(
    place: Place, cluster: Callable[[], Cluster], load: Load, timeout: float, warm_up: WarmUp | None = None
) -> dict[str, Any]:
    """Run a load, and return its figures. Raises BenchmarkError unless all of it was recorded, and once."""
    facts = facts_of(place.database)
    before = place.counts()
    with cluster() as workers, Client(place.store, broker=place.broker) as client:
        if warm_up is not None:
            warm_up(client)
            wait_until_ended(place, workers, timeout)
        warm = place.counts()
        meter = Meter(place, workers)
        client.start_many(load.flow, load.arguments)
        wait_until_ended(place, workers, timeout)
        cost = meter.read()
        run = place.counts().since(warm)
        rss_mb = workers.rss_mb()
    # Only now have all sessions reported what they did: so their transactions are counted with those of the warm-up.
    whole = place.counts().since(before)
    if run.steps != load.steps:
        raise BenchmarkError(f"{run.steps} steps were recorded, and not {load.steps}")
    cpu = cost.per(load.steps / 1000)
    return {
        "broker": place.transport,
        "seconds": cost.wall,
        "steps_per_s": load.steps / cost.wall,
        "cpu_s_per_1000_steps": cpu.pop("total"),
        "cpu_parts": cpu,
        "steps_recorded": run.steps,
        "commits_per_step": run.flushes / load.steps,
        "transactions_per_step": per(whole.transactions, whole.steps),
        # A flow is begun by a message of its own, as each of its steps is.
        "messages_per_step": per(run.messages, run.steps + run.flows),
        "rss_mb": rss_mb,
        "facts": facts,
    }
