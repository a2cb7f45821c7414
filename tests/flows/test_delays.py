"""The example from start to end: real workers, a workbook that is changed while they run, and one of them killed."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flows.delays.__main__ import main
from flows.delays.site import set_site
from tests.docs.pages import blocks
from tests.house.sources import ROOT

README = ROOT / "README.md"


@pytest.fixture(autouse=True)
def as_wide_as_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.slow
def test_old_executions_keep_their_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Settings for another engine reach neither the workers nor the commands.
    monkeypatch.setenv("ENGINE_STORE", "sqlite:////nowhere/another.db")
    code = main(["--directory", str(tmp_path), "--limit", "250"])
    shown = capsys.readouterr().out
    assert code == 0, shown
    assert (shown.count("  yes  "), shown.count("  NO ")) == (8, 0)
    assert re.search(r'rules 5 and 11 both match asked = "arrival", delay = 120, ', shown)
    assert "killed with SIGKILL while it was at" in shown
    _is_shown_in_the_readme(shown)
    with closing(sqlite3.connect(tmp_path / "milepost.db")) as store:
        query = "SELECT state, count(*) FROM milepost_executions GROUP BY state"
        assert store.execute(query).fetchall() == [("completed", 80)]
        query = "SELECT count(*), max(state) FROM milepost_steps WHERE name = 'milepost.decide'"
        assert store.execute(query).fetchone() == (160, "completed")
        # One was killed, the other one said goodbye. On a busy machine it may have been declared dead
        # before, and have come back.
        states = [row[0] for row in store.execute("SELECT state FROM milepost_workers")]
        assert (set(states), states.count("gone")) == ({"dead", "gone"}, 1)


def _is_shown_in_the_readme(shown: str) -> None:
    """Every line that the README shows is there, in that order."""
    (block,) = [one for one in blocks(README, "text") if "engine rules" in one.text]
    lines = iter([line.strip() for line in shown.splitlines()])
    for line in block.text.splitlines():
        assert line in ("", "...") or line.strip() in lines, f"the example does not show, or not there: {line}"


def test_an_example_that_does_not_end_in_time_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--limit", "0"]) == 1
    assert "not all flights were decided at the gate in time; --limit" in " ".join(capsys.readouterr().out.split())


def test_what_reads_workbooks_may_be_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main([]) == 1
    assert "pip install 'milepost[xlsx]'" in capsys.readouterr().out


def test_a_store_of_ones_own_is_used_and_its_url_kept_from_others(tmp_path: Path) -> None:
    site = set_site(tmp_path, 'postgresql://me:"secret"@db/milepost')
    assert site.store_url == 'postgresql://me:"secret"@db/milepost'
    assert 'url = "postgresql://me:\\"secret\\"@db/milepost"' in site.configuration.read_text()
    assert site.configuration.stat().st_mode & 0o077 == 0
