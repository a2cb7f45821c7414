"""An execution drawn: what it is, and a line for each step with its bar over time and why it waits."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from rich.text import Text

from engine.cli.notes import hint, note
from engine.cli.rows import Gap, Row, arrange
from engine.cli.texts import STYLES, clean, clock, fitted, short, span, stamp, state_text
from engine.model.states import CANCEL_SEQ, FLOW_SEQ, TERMINAL, StepState

if TYPE_CHECKING:
    from engine.model.views import ExecutionView, StepView

STATE_WIDTH: Final = 11
TOOK_WIDTH: Final = 8
LABEL_WIDTH: Final = 11
MOST_ERROR_LINES: Final = 8
LEAST_WIDTH: Final = 40


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How an execution is drawn."""

    width: int
    now_us: int
    ascii_only: bool = False
    everything: bool = False
    """Every step, however many there are."""


def draw(execution: ExecutionView, steps: Sequence[StepView], look: Look) -> list[Text]:
    """Return the lines of ``engine show``, none wider than the look. Pure: the same input gives the same lines."""
    look = msgspec.structs.replace(look, width=max(look.width, LEAST_WIDTH))
    lines = heading(execution, look)
    own = next((step for step in steps if step.seq == FLOW_SEQ), None)
    going = execution.state not in TERMINAL
    if own is not None and going:
        lines += _note_lines(own, execution, look, indent=0)
    if going and any(step.seq == CANCEL_SEQ for step in steps):
        lines.append(Text("its cancellation has been requested", style="yellow"))
    shown = [step for step in steps if step.seq > FLOW_SEQ]
    if shown:
        lines += [Text(), *_drawn(execution, shown, look)]
    else:
        lines += [Text(), Text("no steps yet" if going else "no steps", style="dim")]
    advice = hint(execution, steps)
    if advice is not None:
        lines += [Text(), Text(advice[0], style="dim"), Text(f"  {advice[1]}")]
    for line in lines:
        line.rstrip()
    return lines


def heading(execution: ExecutionView, look: Look) -> list[Text]:
    """Return what the execution is, was given and gave."""
    end_us = execution.finished_us or look.now_us
    tail = f"  {'took' if execution.finished_us else 'for'} {span(end_us - execution.created_us)}"
    room = look.width - STATE_WIDTH - len(tail) - 7
    title = Text.assemble(
        (short(execution.flow, room, ascii_only=look.ascii_only), "bold"), (f" v{execution.version}  ", "dim"),
        state_text(execution.state, ascii_only=look.ascii_only), (tail, "dim"),
    )  # fmt: skip
    about = f"created {stamp(execution.created_us)} UTC, queue {execution.queue}, priority {execution.priority}"
    attributes = ", ".join(f"{name}={value}" for name, value in sorted(execution.attributes.items()))
    facts = (
        ("id", execution.id), ("about", about), ("key", execution.idempotency_key), ("parent", execution.parent_id),
        ("rerun of", execution.rerun_of), ("goes on as", execution.continued_to), ("attributes", attributes or None),
        ("input", execution.input), ("result", execution.output),
    )  # fmt: skip
    lines = [title]
    for name, value in facts:
        if value is not None:
            text = short(value, look.width - LABEL_WIDTH, ascii_only=look.ascii_only)
            lines.append(Text.assemble((f"{name:<{LABEL_WIDTH}}", "dim"), (text, "cyan" if name == "id" else "")))
    if execution.error is not None:
        error = f"{execution.error.type}: {execution.error.message}"
        for index, line in enumerate(_wrapped(error, look.width - LABEL_WIDTH, look.ascii_only)):
            label = "" if index else "error"
            lines.append(Text.assemble((f"{label:<{LABEL_WIDTH}}", "dim"), (line, "red")))
    return lines


def _wrapped(text: str, width: int, ascii_only: bool) -> list[str]:
    """Fold a text that must be read as a whole, within reason."""
    lines = textwrap.wrap(clean(text), width, break_on_hyphens=False) or [""]
    if len(lines) > MOST_ERROR_LINES:
        lines[MOST_ERROR_LINES - 1 :] = [short(" ".join(lines[MOST_ERROR_LINES - 1 :]), width)]
    return [short(line, width, ascii_only=ascii_only) for line in lines]


def _drawn(execution: ExecutionView, steps: Sequence[StepView], look: Look) -> list[Text]:
    rows = arrange(steps, everything=look.everything)
    begin_us = execution.created_us
    end_us = max(execution.finished_us or look.now_us, begin_us + 1)
    drawn = [row for row in rows if isinstance(row, Row)]
    number = max(len(row.numbers) for row in drawn)
    name = min(max(len("step"), *(len(row.label) for row in drawn)), look.width // 3)
    bar = look.width - number - name - STATE_WIDTH - TOOK_WIDTH - 8
    axis = _axis(begin_us, end_us, bar)
    head = f"{'#':>{number}}  {'step':<{name}}  {'state':<{STATE_WIDTH}}  {axis}  {'took':>{TOOK_WIDTH}}"
    lines = [Text(head.rstrip() if bar > 0 else f"{'#':>{number}}  {'step':<{name}}  state", style="dim")]
    for row in rows:
        if isinstance(row, Gap):
            lines.append(Text(short(f"{' ' * number}  {row.text}", look.width, ascii_only=look.ascii_only), "dim"))
            continue
        label = fitted(row.label, name, ascii_only=look.ascii_only)
        state = _padded(state_text(row.step.state, ascii_only=look.ascii_only), STATE_WIDTH)
        line = Text.assemble((f"{row.numbers:>{number}}  ", "dim"), label, "  ", state)
        if bar > 0:
            took_us = row.took_us(look.now_us)
            took = "" if took_us is None else span(took_us)
            line.append("  ").append_text(_bar(row, begin_us, end_us, bar, look))
            line.append(f"  {took:>{TOOK_WIDTH}}", style="dim")
        lines.append(line)
        lines += _note_lines(row.step, execution, look, indent=number + 2, more=len(row.steps) - 1)
    return lines


def _axis(begin_us: int, end_us: int, width: int) -> str:
    """Return when the bars begin and after how long they end, where there is room to say so."""
    left, right = clock(begin_us, begin_us), f"+{span(end_us - begin_us)}"
    if width < len(left) + len(right) + 1:
        return " " * max(width, 0)
    return left + " " * (width - len(left) - len(right)) + right


def _padded(text: Text, width: int) -> Text:
    text.pad_right(max(width - len(text), 0))
    return text


def _bar(row: Row, begin_us: int, end_us: int, width: int, look: Look) -> Text:
    """Return the life of a step on the execution's time: a thin line while it waited, a thick one while it ran."""
    thin, thick = ("-", "=") if look.ascii_only else ("╌", "━")
    step = row.step

    def column(at_us: int) -> int:
        return min(max((at_us - begin_us) * width // (end_us - begin_us), 0), width)

    finished_us = min(row.finished_us or look.now_us, end_us)
    runs = row.started_us is not None and step.state not in (StepState.WAITING, StepState.READY, StepState.DEAD)
    started_us = row.started_us if runs and row.started_us is not None else finished_us
    first, turn = min(column(row.created_us), width - 1), column(started_us)
    last = min(max(column(finished_us), first + 1), width)
    turn = min(max(turn, first), last - 1 if runs else last)
    style = STYLES.get(step.state, "")
    drawn = Text(" " * first)
    drawn.append(thin * (turn - first), style="dim" if runs else style)
    drawn.append(thick * (last - turn), style=style)
    return _padded(drawn, width)


def _note_lines(step: StepView, execution: ExecutionView, look: Look, *, indent: int, more: int = 0) -> list[Text]:
    text = note(step, execution, look.now_us)
    if text is None:
        return []
    if more:
        text = f"the first: {text}"
    style = {StepState.FAILED: "red", StepState.DEAD: "red", StepState.COMPLETED: "dim"}.get(step.state, "yellow")
    return [Text(" " * indent + short(text, look.width - indent, ascii_only=look.ascii_only), style=style)]
