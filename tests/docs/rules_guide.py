"""The guide to decision tables as what it is to be run: files, commands, and what is shown of their output.

``python -m tests.docs.rules_guide`` writes what the commands print into the page, to be read before it is committed.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine import Client, load_modules
from tests.cli.calling import engine
from tests.docs.running import DEADLINE_SECONDS, worker_beside
from tests.house.sources import ROOT

PAGE = ROOT / "docs" / "rules" / "guide.md"
TEXT = PAGE.read_text()
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w-]+\.(?:csv|json|py))`[^`]*\Z")
URL = "sqlite:///milepost.db"
FLAGS = ["--store", URL, "--flows", "loans"]
AGES = re.compile(r"\b(?:now|\d+[sm] ago)")
IDS = re.compile(r"\b0[0-9a-z]{25}\b")
AN_ID = "01kb7x2mdzbp8jvc541caart13"
MOMENTS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")


@dataclass
class Part:
    """A fenced block, the file that it is, and what is shown below it."""

    language: str
    text: str
    file: str | None
    shown: str | None
    printed: list[str] = field(default_factory=list[str])

    @property
    def output(self) -> str:
        """What its commands printed, without what is of each run its own."""
        lines = [line.rstrip() for text in self.printed for line in text.splitlines()]
        text = "\n".join(line for line in lines if not line.startswith("hash ")) + "\n"
        text = AGES.sub(lambda age: "now".ljust(len(age[0])), text)
        return IDS.sub(AN_ID, MOMENTS.sub("2026-05-20 09:30:00 UTC", text))


def parts() -> Iterator[Part]:
    """Yield the parts of the page."""
    for found in FENCE.finditer(TEXT):
        named = NAMED.search(TEXT, 0, found.start()) if found[1] in ("csv", "json", "python") else None
        yield Part(found[1], found[2], named and named[1], found[3])


def run(part: Part) -> None:
    """Run the commands of a part."""
    for line in part.text.splitlines():
        with Client(URL) as client:
            latest = client.find()
        words = [latest[0].id if word == "01kb7x2m" else word for word in shlex.split(line)[1:]]
        done = engine(*FLAGS, *words)
        if words[0] == "start":
            assert done.code == 0, done.err
            with Client(URL) as client:
                client.wait_for(client.find()[0].id, DEADLINE_SECONDS)
        else:
            part.printed += [done.out, done.err]


def run_all(folder: Path) -> list[Part]:
    """Do all that the page says, in this folder, and return its parts with what was printed."""
    found = list(parts())
    (flow,) = [part for part in found if part.language == "python"]
    (folder / "loans.py").write_text(flow.text)
    with worker_beside(URL, load_modules(["loans"]), []):
        for part in found:
            if part.file is not None:
                (folder / part.file).write_text(part.text)
            elif part.language == "shell":
                run(part)
    return found


def rewritten(done: list[Part]) -> str:
    """Return the page with what its commands printed."""
    printed = iter(done)

    def part(found: re.Match[str]) -> str:
        output = next(printed).output
        return found[0] if found[3] is None else f"{found[0][: found.start(3) - found.start()]}{output}```"

    return FENCE.sub(part, TEXT)


def main() -> None:
    """Do all that the page says in a folder of its own, and rewrite the page."""
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        sys.path.insert(0, name)
        done = run_all(Path(name))
        os.chdir(ROOT)
    PAGE.write_text(rewritten(done))


if __name__ == "__main__":
    main()
