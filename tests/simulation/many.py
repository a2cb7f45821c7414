"""Many seeds, spread over processes."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Iterator, Sequence

from tests.simulation.course import Course, run

CHUNK = 20


def courses(seeds: Sequence[int], mode: str | None = None, jobs: int = 2) -> Iterator[Course]:
    """Run these seeds; yield how each went, as they end."""
    if jobs == 1:
        for seed in seeds:
            yield run(seed, mode=mode)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(functools.partial(run, mode=mode), seeds, CHUNK)
