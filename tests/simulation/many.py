"""Many seeds, spread over processes."""

from __future__ import annotations

import contextlib
import functools
import gc
import multiprocessing
from collections.abc import Generator, Iterator, Sequence
from multiprocessing.pool import Pool

from tests.simulation.course import Course, run

CHUNK = 20


@contextlib.contextmanager
def processes(count: int) -> Generator[Pool]:
    """Start processes that run seeds."""
    with multiprocessing.get_context("spawn").Pool(count, _prepare) as pool:
        yield pool


def courses(pool: Pool, seeds: Sequence[int], mode: str | None = None) -> Iterator[Course]:
    """Run these seeds; yield how each went, as they end."""
    yield from pool.imap_unordered(functools.partial(run, mode=mode), seeds, CHUNK)


def _prepare() -> None:
    # What is loaded stays: the collector need not look at it again and again.
    gc.freeze()
