"""Drawing: long histories stay short and quick, and nothing is wider than the terminal."""

from __future__ import annotations

import time
from typing import Any

import pytest

from engine.cli.texts import clean, fitted, short
from engine.cli.timeline import Look, draw
from engine.model.history import ErrorInfo
from engine.model.views import ExecutionView, StepView

SECOND = 1_000_000
BEGAN = 1_750_000_000 * SECOND


def execution(**values: Any) -> ExecutionView:
    known = {"id": "0" * 26, "flow": "f", "version": 1, "queue": "default", "priority": 5, "state": "running"}
    return ExecutionView(**known | {"advanced": 1, "unread": 0, "created_us": BEGAN} | values)


def step(seq: int, **values: Any) -> StepView:
    at = BEGAN + seq * SECOND
    known = {"execution_id": "0" * 26, "seq": seq, "kind": "step", "name": "work", "queue": "default", "priority": 5}
    known |= {"state": "completed", "attempt": 1, "max_attempts": 3, "created_us": at, "started_us": at}
    return StepView(**known | {"finished_us": at + SECOND} | values)


def lines(steps: list[StepView], width: int = 100, **look: Any) -> list[str]:
    found = execution(**look.pop("execution", {}))
    drawn = draw(found, steps, Look(width=width, now_us=BEGAN + 3600 * SECOND, **look))
    return [line.plain for line in drawn]


def test_a_very_long_history_is_drawn_short_and_quickly() -> None:
    names = ("fetch", "save", "sleep")
    steps = [step(seq, name=names[seq % 3]) for seq in range(1, 5001)]
    steps[2500] = step(2501, name="odd", state="failed", error=ErrorInfo("ValueError", "odd one"))
    began = time.thread_time()
    drawn = lines(steps)
    assert time.thread_time() - began < 2.5, "seconds of the processor"
    assert len(drawn) < 50
    assert any("ValueError: odd one" in line for line in drawn), "what failed is never left out"
    assert any("completed steps more; --all draws them" in line for line in drawn)
    assert any(line.lstrip().startswith("1 ") for line in drawn)
    assert any(line.lstrip().startswith("5000 ") for line in drawn)
    assert len(lines(steps, everything=True)) > 5000


def test_a_thousand_failures_do_not_fill_the_screen() -> None:
    steps = [
        step(seq, name=f"n{seq % 7}", state="failed", error=ErrorInfo("E", "x" * 500), attempt=3)
        for seq in range(1, 1001)
    ]
    assert len(lines(steps)) < 100


def test_a_fan_out_is_one_line_for_each_state() -> None:
    steps = [step(seq, state="completed" if seq <= 150 else "ready", finished_us=None) for seq in range(1, 201)]
    drawn = lines(steps)
    assert [line.split()[0] for line in drawn if "work x" in line] == ["1-150", "151-200"]
    assert any("the first: waits for a worker on queue default" in line for line in drawn)
    few = [step(seq) for seq in range(1, 41)]
    assert sum("work" in line for line in lines(few)) == 40, "what fits is drawn one by one"


NASTY = "日本語の名前" * 9 + "\x1b[31m\n\t\x07é" + "x" * 60
STATES = ["ready", "waiting", "claimed", "dead", "completed", "failed", "cancelled"]
KINDS = ["step", "timer", "event", "child", "marker"]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 173])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_the_terminal_or_steers_it(width: int, ascii_only: bool) -> None:
    from rich.cells import cell_len

    steps = [
        step(index + 1, state=state, kind=kind, name=NASTY, error=ErrorInfo(NASTY, NASTY), child_id="c" * 26,
             due_us=BEGAN + 86_400 * 40 * SECOND, progress=NASTY, attempt=2)
        for index, (state, kind) in enumerate((state, kind) for state in STATES for kind in KINDS)
    ]  # fmt: skip
    about: dict[str, Any] = {
        "flow": NASTY, "queue": NASTY, "idempotency_key": NASTY, "input": NASTY, "output": NASTY,
        "attributes": {NASTY: NASTY}, "error": ErrorInfo(NASTY, NASTY), "state": "parked",
    }  # fmt: skip
    drawn = lines(steps, width, execution=about, ascii_only=ascii_only)
    commands = [line for line in drawn if line.startswith("  engine ")]
    assert len(commands) == 1
    for line in drawn:
        assert cell_len(line) <= width or line in commands, line
        assert line.isprintable()
        assert line.isascii() or not ascii_only


def test_moments_before_and_after_the_execution_do_not_break_bars() -> None:
    steps = [
        step(1, created_us=BEGAN - 99 * SECOND, started_us=BEGAN - 98 * SECOND, finished_us=BEGAN - 97 * SECOND),
        step(2, created_us=BEGAN + 9999 * SECOND, started_us=None, finished_us=None, state="waiting"),
    ]
    assert lines(steps)
    assert lines(steps, execution={"state": "completed", "finished_us": BEGAN})


def test_texts_are_cut_to_cells() -> None:
    assert short("abcdef", 4) == "abc…"
    assert short("abcdef", 4, ascii_only=True) == "a..."
    assert short("日本語", 4) == "日…"
    assert short("é", 9, ascii_only=True) == "\\xe9"
    assert short("abc", 2, ascii_only=True) == "ab"
    assert fitted("日本", 5) == "日本 "
    assert clean("a\n b\x1b[0m") == "a b?[0m"
    assert short(None, 5) == ""
