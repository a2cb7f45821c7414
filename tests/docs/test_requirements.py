"""The page about scenarios and requirements: its files are written, its commands run, and they say what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.calling import engine
from tests.house.sources import ROOT

PAGE = ROOT / "docs" / "rules" / "requirements.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
URL = "sqlite:///milepost.db"


def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    said, shown = "", 0
    named = iter(["credit.csv", "scenarios.json", "mended.csv", "mended.json"])
    for block in FENCE.finditer(text):
        language, content = block.groups()
        match language:
            case "csv" | "json":
                name = next(named)
                assert f"`{name}`" in text[: block.start()], "a file is named before it is shown"
                Path(name).write_text(content)
            case "shell":
                for line in content.splitlines():
                    done = engine("--store", URL, *shlex.split(line)[1:])
                    said = done.out + done.err
            case "text":
                assert [line.rstrip() for line in said.splitlines()] == content.splitlines()
                shown += 1
            case "python":
                exec(compile(content, str(PAGE), "exec"), {})  # noqa: S102 - the page's own program
            case _:
                assert language == "sh", "what is typed by way of example"
    assert shown == 3
    assert next(named, None) is None
