"""The pages for readers, and the blocks of code in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.house.sources import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of one language."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """A name for the test's title, which is also that of a Python module."""
        return f"{self.page.stem.lower()}_{self.line}"


def blocks(page: Path, language: str) -> list[Block]:
    """Return the blocks of a page in that language."""
    text = page.read_text()
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, language, found.group(2))
        for found in _FENCE.finditer(text)
        if found.group(1) == language
    ]


def all_blocks(language: str) -> list[Block]:
    """Return the blocks of all pages in that language."""
    return [block for page in PAGES for block in blocks(page, language)]


def prose(text: str) -> str:
    """Return a page without its code."""
    return _FENCE.sub("", text)


def tables(page: Path) -> list[tuple[Path, list[list[str]]]]:
    """Return the tables of a page, each as rows of cells, the head first."""
    found: list[list[list[str]]] = []
    lines = prose(page.read_text()).splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if not line.startswith("|"):
            continue
        if not before.startswith("|"):
            found.append([])
        if not set(line) <= set("|-: "):
            found[-1].append([cell.strip() for cell in line.strip()[1:-1].split("|")])
    return [(page, rows) for rows in found]
