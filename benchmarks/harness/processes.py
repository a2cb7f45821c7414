"""What processes cost: their processor time and their memory, from /proc."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


class Stat(NamedTuple):
    """A process, as the kernel accounts for it; see proc(5)."""

    name: str
    parent: int
    cpu_seconds: float
    """Of the process itself, and of its children that ended and were waited for."""
    started_at: float
    """In seconds since the machine was started."""


def stat_of(pid: int) -> Stat | None:
    """Read what the kernel knows of a process; None if there is none."""
    try:
        before, _, after = (PROC / str(pid) / "stat").read_text().rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The third field, the first one behind the name, has index 0 here.
    fields = after.split()
    cpu = sum(int(field) for field in fields[11:15]) * _TICK_SECONDS
    return Stat(before.partition("(")[2], int(fields[1]), cpu, int(fields[19]) * _TICK_SECONDS)


def tree_of(roots: Collection[int]) -> dict[int, Stat]:
    """Return these processes and all that descend from them."""
    every = {pid: stat for pid in _pids() if (stat := stat_of(pid)) is not None}
    children: dict[int, list[int]] = {}
    for pid, stat in every.items():
        children.setdefault(stat.parent, []).append(pid)
    found: dict[int, Stat] = {}
    left = [root for root in roots if root in every]
    while left:
        pid = left.pop()
        if pid not in found:
            found[pid] = every[pid]
            left += children.get(pid, [])
    return found


def cpu_seconds(roots: Collection[int]) -> float:
    """Return the processor time that these processes have used so far, with all that descend from them.

    The time of a child that has ended is still in it, by way of the parent that waited for it.
    """
    return sum(stat.cpu_seconds for stat in tree_of(roots).values())


def rss_mb(pid: int) -> float:
    """Return how much of a process is in memory, with all that descend from it."""
    return sum(_rss_bytes(each) for each in tree_of([pid])) / (1 << 20)


class Io(NamedTuple):
    """What processes have read and written so far."""

    reads: int
    """System calls that read, among them those that read what is in memory already."""
    writes: int
    written_bytes: int
    """What went on its way to a disk."""


def io_of(pids: Collection[int]) -> Io:
    """Return what these processes have read and written so far, without those that descend from them."""
    found = [_io(pid) for pid in pids]
    return Io(*(sum(part) for part in zip(*found, strict=True)))


def _io(pid: int) -> Io:
    lines = (PROC / str(pid) / "io").read_text().splitlines()
    values = {name: int(value) for name, value in (line.split(": ") for line in lines)}
    return Io(values["syscr"], values["syscw"], values["write_bytes"])


def _rss_bytes(pid: int) -> int:
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
