"""The page about rules in flows: its rules, its flow, its commands and what they are said to show."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from engine import Client, load_modules
from tests.cli.calling import engine
from tests.docs.pages import blocks
from tests.docs.running import DEADLINE_SECONDS, worker_beside
from tests.house.sources import ROOT

PAGE = ROOT / "docs" / "rules" / "engine.md"
ID = "01kb7x2m9q4v8c1r6t3w5y0zad"


def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    rules, draft = blocks(PAGE, "csv")
    flow, *programs = blocks(PAGE, "python")
    commands, explain, *trying = [block.text.splitlines() for block in blocks(PAGE, "shell")]
    shown, changes = blocks(PAGE, "text")
    Path("credit.csv").write_text(rules.text)
    Path("draft.csv").write_text(draft.text)
    Path("rules_in_flows.py").write_text(flow.text)
    url = "sqlite:///milepost.db"
    flags = ["--store", url, "--flows", "rules_in_flows"]
    with worker_beside(url, load_modules(["rules_in_flows"]), []):
        *prepare, start = [shlex.split(line)[1:] for line in commands]
        for words in prepare:
            assert engine(*flags, *words).code == 0
        started = engine(*flags, *[word for word in start if word != "--wait"])
        with Client(url) as client:
            execution_id = client.find()[0].id
            assert started.code == 0
            assert client.handle(execution_id).result(DEADLINE_SECONDS) in PAGE.read_text()
    words = [execution_id if word == "01kb7x2m" else word for word in shlex.split(explain[0])[1:]]
    lines = [line.rstrip() for line in engine(*flags, *words).out.splitlines() if not line.startswith("hash")]
    assert lines == shown.text.splitlines()
    done = [engine(*flags, *shlex.split(line)[1:]) for lines in trying for line in lines]
    said = [line.rstrip() for line in done[0].out.replace(execution_id, ID).splitlines()]
    assert (done[0].code, said) == (1, changes.text.splitlines())
    assert [one.code for one in done[1:]] == [0] * (len(done) - 1)
    assert done[-1].out == "active: credit version 2, for 10%\n"
    for program in programs:
        exec(compile(program.text, str(PAGE), "exec"), {})  # noqa: S102 - the page's own program
    sys.modules.pop("rules_in_flows")
