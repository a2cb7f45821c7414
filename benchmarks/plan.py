"""What the whole set measures, and how its tables are read."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks import throughput
from benchmarks.harness.places import BESIDE
from benchmarks.shapes import __main__ as shapes
from engine.messaging import EMBEDDED


@dataclass(frozen=True)
class Entry:
    """One measurement, by the arguments of its command; ``quick`` are those that make it short."""

    parser: Callable[[], argparse.ArgumentParser]
    measure: Callable[[argparse.Namespace], dict[str, Any]]
    arguments: str = ""
    quick: str = ""
    broker: str = EMBEDDED

    def run(self, store: str, *, quick: bool) -> dict[str, Any]:
        """Measure it on a store."""
        words = [*self.arguments.split(), "--store", store, "--broker", self.broker]
        return self.measure(self.parser().parse_args(words + (self.quick.split() if quick else [])))


@dataclass(frozen=True)
class Section:
    """Measurements that share a table. Each is a column of it on every store, called after the store and its title."""

    title: str
    rows: Mapping[str, str]
    entries: Mapping[str, Entry] = field(default_factory=dict[str, Entry])


COST = {
    "steps_per_s": "steps a second",
    "cpu_s_per_1000_steps": "processor time per step, ms",
    "cpu_parts.workers": "of it workers, ms",
    "cpu_parts.servers": "of it the database server, ms",
    "cpu_parts.client": "besides: the client, ms",
    "commits_per_step": "commits of workers per step",
    "transactions_per_step": "all transactions of the server per step",
    "messages_per_step": "messages per step",
    "rss_mb": "memory of each worker, MiB",
}
LOAD = {"facts.load_at_start": "load of the machine before"}


def _throughput(arguments: str = "", broker: str = EMBEDDED) -> Entry:
    quick = "--flows 200 --latency-flows 10 --baseline-seconds 0.5"
    return Entry(throughput.parser, throughput.measure, arguments, quick, broker)


def _shape(name: str, quick: str, broker: str = EMBEDDED) -> Entry:
    return Entry(shapes.parser, shapes.SHAPES[name].measure, name, quick, broker)


SECTIONS = (
    Section(
        "Throughput, and the latency of one flow",
        {
            **COST,
            "baseline": "single-row commits a second, same run",
            "ratio": "steps per single-row commit",
            "latency_ms.p50": "an idle flow of 10 steps, p50, ms",
            "latency_ms.p95": "p95, ms",
            "latency_cpu_ms.total": "processor time for it, ms",
            "latency_cpu_ms.client": "besides: the client, ms",
            "latency_commits_per_flow": "commits of workers for it",
            "latency_inline_ms.p50": "the same with inline steps, p50, ms",
            "latency_inline_ms.p95": "p95, ms",
            "latency_inline_cpu_ms.total": "processor time for it, ms",
            "latency_inline_cpu_ms.client": "besides: the client, ms",
            "latency_inline_commits_per_flow": "commits of workers for it",
            **LOAD,
        },
        {
            "": _throughput(),
            ", inline steps": _throughput("--inline"),
            ", SQL transport": _throughput(broker=BESIDE),
        },
    ),
    Section(
        "One flow, its steps side by side",
        {"steps": "steps", "seconds": "seconds", **COST, **LOAD},
        {"": _shape("fan-out", "--steps 500"), ", SQL transport": _shape("fan-out", "--steps 500", BESIDE)},
    ),
    Section(
        "One flow, its steps one after the other",
        {
            "steps": "steps",
            "seconds": "seconds",
            "ms_per_step.first": "each of the first, ms",
            "ms_per_step.last": "each of the last, ms",
            "last_to_first": "ratio",
            **COST,
            **LOAD,
        },
        {
            "": _shape("sequential", "--steps 300 --part 50"),
            ", SQL transport": _shape("sequential", "--steps 300 --part 50", BESIDE),
        },
    ),
    Section(
        "Flows that sleep",
        {
            "flows": "flows",
            "seconds_to_start": "seconds until all are started",
            "seconds_to_sleep": "seconds until all sleep",
            "at_rest.cpu_s_per_s.workers": "at rest: processor time of the workers, s/s",
            "at_rest.cpu_s_per_s.servers": "of the database server, s/s",
            "at_rest_when_empty.cpu_s_per_s.workers": "with an empty store: of the workers, s/s",
            "at_rest_when_empty.cpu_s_per_s.servers": "of the database server, s/s",
            "at_rest.transactions_per_s": "at rest: transactions a second",
            "at_rest.written_kb_per_s": "written by workers, KiB a second",
            "at_rest.rss_mb": "memory of each worker, MiB",
            **LOAD,
        },
        {"": _shape("sleeping", "--flows 1000 --settle 2 --window 3")},
    ),
    Section(
        "A backlog, and one worker",
        {"steps": "steps", "seconds": "seconds", **COST, **LOAD},
        {
            "": _shape("backlog", "--steps 2000 --width 200"),
            ", SQL transport": _shape("backlog", "--steps 2000 --width 200", BESIDE),
        },
    ),
)
