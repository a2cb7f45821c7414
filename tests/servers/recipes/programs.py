"""Where the programs of servers are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def find_program(name: str, *patterns: str) -> str | None:
    """Find a program on PATH, else in the directories that match ``patterns``, the highest version first."""
    if found := shutil.which(name):
        return found
    directories: list[str] = []
    for pattern in patterns:
        directories += sorted((str(path) for path in Path("/").glob(pattern.lstrip("/"))), key=_version, reverse=True)
    return shutil.which(name, path=os.pathsep.join(directories)) if directories else None


def _version(path: str) -> list[int]:
    return [int(digits) for digits in "".join(c if c.isdigit() else " " for c in path).split()]
