"""The demo from start to end, with few flights: real workers, one of them killed."""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from flows.demo import __main__ as demo
from flows.demo import job, stage
from flows.demo.census import Census, take_census
from flows.demo.stage import set_stage
from tests.flows.flights import flight

FLIGHTS = 20


@pytest.fixture
def flights(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = [flight(number, delay_minutes=150 + 10 * (number % 12)) for number in range(FLIGHTS)]
    monkeypatch.setattr(demo, "delayed_flights", lambda count: made_up[:count])


def run(directory: Path, *more: str) -> int:
    return demo.main(["--flights", str(FLIGHTS), "--directory", str(directory), "--limit", "250", *more])


@pytest.mark.parametrize("pause_seconds", [0, 5], ids=["looking often", "looking late"])
def test_the_demo_proves_itself(
    tmp_path: Path, flights: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    pause_seconds: int,
) -> None:  # fmt: skip
    looks: list[Census] = []

    def looked(*where: Any) -> Census:
        # By the second look, all that could be done without it is done.
        if len(looks) == 1:
            threading.Event().wait(pause_seconds)
        looks.append(take_census(*where))
        return looks[-1]

    monkeypatch.setattr(job, "take_census", looked)
    # So that paths below it are printed short.
    monkeypatch.chdir(tmp_path.parent)
    code = run(tmp_path)
    shown = capsys.readouterr().out
    assert code == 0, shown
    assert "NO" not in shown
    for claim in (
        "all executions completed",
        "every payment made exactly once",
        "killed worker's steps taken over",
        "no finished step ran again",
    ):
        assert claim in shown
    (hint,) = re.findall(r"engine (show [0-9a-z]{26} --config \S+)", shown)
    told = CliRunner().invoke(app, hint.split())
    assert told.exit_code == 0, told.stderr
    assert "completed" in told.stdout
    with closing(sqlite3.connect(tmp_path / "milepost.db")) as store:
        assert store.execute("SELECT state, count(*) FROM milepost_executions GROUP BY state").fetchall() == [
            ("completed", FLIGHTS)
        ]
        # Of the two workers one was killed, and declared dead by the other; that one said goodbye. On a busy machine it
        # may have been declared dead before, and have come back.
        states = [row[0] for row in store.execute("SELECT state FROM milepost_workers")]
        assert (set(states), states.count("gone")) == ({"dead", "gone"}, 1)


def test_a_demo_that_does_not_end_in_time_fails(
    tmp_path: Path, flights: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # However late it is looked, nothing has been done.
    elsewhere = stage._CONFIGURATION.replace("[worker]\n", '[worker]\nqueues = ["elsewhere"]\n')
    monkeypatch.setattr(stage, "_CONFIGURATION", elsewhere)
    assert run(tmp_path, "--limit", "0") == 1
    assert "20 executions were not finished" in " ".join(capsys.readouterr().out.split())


def test_workers_that_cannot_start_are_shown_with_the_end_of_their_log(
    tmp_path: Path, flights: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("flows.demo.stage._CONFIGURATION", "nonsense = {concurrency}\n# {store}\n")
    assert run(tmp_path) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "ended with exit code" in shown
    assert "nonsense" in shown


def test_a_second_run_removes_the_first_ones_files_and_no_others(tmp_path: Path) -> None:
    stage = set_stage(tmp_path)
    stage.desk.ledger.pay("a key", "a flight", 250, 1)
    (stage.desk.letters / "flight.txt").write_text("an old letter")
    (tmp_path / "mine.txt").write_text("not the demo's")
    set_stage(tmp_path)
    assert stage.desk.ledger.entries() == []
    assert list(stage.desk.letters.iterdir()) == []
    assert (tmp_path / "mine.txt").exists()


def test_settings_of_another_engine_do_not_reach_the_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_STORE", "sqlite:///another.db")
    environment = set_stage(tmp_path).environment()
    assert "ENGINE_STORE" not in environment
    assert environment["MILEPOST_DEMO_DIRECTORY"] == str(tmp_path)
