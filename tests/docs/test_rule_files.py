"""The examples of the page on files run as they stand, and print what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import Block, blocks
from tests.docs.running import DEADLINE_SECONDS
from tests.house.sources import ROOT

PAGE = ROOT / "docs" / "rules" / "files.md"
FILE = re.compile(r"`(\w+\.csv)`:\n\n```csv\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = blocks(PAGE, "python")


def expected(example: Block) -> str:
    """Return the text that follows an example."""
    return next(block.text for block in blocks(PAGE, "text") if block.line > example.line)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILE.findall(PAGE.read_text()):
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda block: block.name)
def test_the_example_prints_what_the_page_says(example: Block, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", example.text], cwd=folder, capture_output=True, text=True, timeout=DEADLINE_SECONDS
    )
    assert done.stderr == ""
    assert done.stdout.rstrip() == expected(example).rstrip()


def test_tables_that_are_shown_are_read_or_refused_as_the_page_says(folder: Path) -> None:
    from engine.rules.files import RuleFileError, read_rules

    refused: list[str] = []
    for path in sorted(folder.iterdir()):
        try:
            read_rules(path.name, path.read_bytes())
        except RuleFileError:
            refused.append(path.name)
    # The other one holds scenarios, and no table.
    assert refused == ["bad.csv", "parties.csv"]
    assert len(EXAMPLES) >= 5
