"""What keeps the rate from falling: the cases that are known to fail, and no others may.

The list names cases and counts none, so it holds for any checkout of the kit: for a part of it, and for a later one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path

FILE = Path(__file__).with_name("known_failures.toml")
LEVELS = (2, 3)


def known_failures(level: int) -> frozenset[str]:
    """Return the names of the cases of a level that are known to fail."""
    return frozenset(tomllib.loads(FILE.read_text())[f"level-{level}"])


def complaints(known: Collection[str], tried: Collection[str], failed: Collection[str]) -> list[str]:
    """Return what has to be done for the list to be true of the cases that were tried; nothing, if it is."""
    fallen = [f"{case} fails: mend the engine" for case in sorted(set(failed) - set(known))]
    risen = [
        f"{case} passes now: take it off {FILE.name}, so that it stays so"
        for case in sorted((set(known) & set(tried)) - set(failed))
    ]
    return fallen + risen
