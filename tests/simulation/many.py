"""Many seeds, spread over processes."""

from __future__ import annotations

import contextlib
import functools
import gc
import multiprocessing
import os
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor

from tests.simulation.course import Course, run

CHUNK = 20


@contextlib.contextmanager
def processes(count: int) -> Generator[Executor]:
    """Start processes that run seeds."""
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _prepare) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def courses(pool: Executor, seeds: Sequence[int], mode: str | None = None) -> Iterator[Course]:
    """Run these seeds; yield how each went, in their order."""
    return pool.map(functools.partial(run, mode=mode), seeds, chunksize=CHUNK)


def _prepare() -> None:
    # What is loaded stays: the collector need not look at it again and again.
    gc.freeze()
    # If the parent is killed, nobody else tells its processes to end.
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
