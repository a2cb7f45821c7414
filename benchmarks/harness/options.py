"""The options that every measurement has."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager

from benchmarks.harness.cluster import Cluster
from benchmarks.harness.places import BESIDE, Place, opened
from engine.messaging import EMBEDDED


def add_options(parser: argparse.ArgumentParser, *, workers: int = 2) -> None:
    """Add them to a parser."""
    add = parser.add_argument
    add("--store", default="sqlite", metavar="URL", help=(
        "a store without unfinished work, or sqlite, postgresql or mysql to have one made for this (default: sqlite)"
    ))  # fmt: skip
    add("--broker", default=EMBEDDED, metavar="URL", help=(
        f"sql for the queue inside the store (default), a broker's URL, or {BESIDE} for the SQL transport beside the "
        "store"
    ))  # fmt: skip
    add("--workers", type=int, default=workers, metavar="N", help="worker processes (default: %(default)s)")
    add("--server-pid", type=int, action="append", default=[], metavar="PID", help=(
        "a process whose cost counts as a server's, such as a broker; may be repeated"
    ))  # fmt: skip
    add("--set", action="append", default=[], metavar="NAME=VALUE", help=(
        "a setting of the workers that is not to have its default: worker.concurrency=10; may be repeated"
    ))  # fmt: skip
    add("--timeout", type=float, default=900.0, metavar="SECONDS", help="give up after this (default: %(default)s)")
    add("--json", action="store_true", help="print one JSON object")


def place_of(options: argparse.Namespace) -> AbstractContextManager[Place]:
    """Open the store and the broker that the options name."""
    return opened(options.store, options.broker, options.server_pid)


def cluster_of(options: argparse.Namespace, place: Place) -> Cluster:
    """Return the workers that the options describe, not yet started."""
    settings = dict(one.split("=", 1) for one in options.set)
    return Cluster(place, options.workers, settings)
