"""An execution drawn: what it is, and a line for each step with its bar over time and why it waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.text import Text

from engine.cli.texts import STYLES, clock, short, span, stamp, state_text
from engine.model.states import CANCEL_SEQ, FLOW_SEQ, TERMINAL, StepKind, StepState

if TYPE_CHECKING:
    from engine.model.views import ExecutionView, StepView

MAX_ATTEMPTS_SHOWN: Final = 1_000_000
STATE_WIDTH: Final = 11
TOOK_WIDTH: Final = 8


def draw(
    execution: ExecutionView, steps: Sequence[StepView], now_us: int, width: int, *, ascii_only: bool = False
) -> list[Text]:
    """Return the lines of ``engine show``, none wider than ``width``. Pure: the same input gives the same lines."""
    lines = heading(execution, now_us, width, ascii_only=ascii_only)
    own = next((step for step in steps if step.seq == FLOW_SEQ), None)
    if own is not None and execution.state not in TERMINAL:
        lines += [line for line in [_note_line(own, execution, now_us, width, indent=0)] if line is not None]
    shown = [step for step in steps if step.seq > FLOW_SEQ]
    if any(step.seq == CANCEL_SEQ for step in steps) and execution.state not in TERMINAL:
        lines.append(Text("its cancellation has been requested", style="yellow"))
    if not shown:
        return [*lines, Text(), Text("no steps yet" if execution.state not in TERMINAL else "no steps", style="dim")]
    return [*lines, Text(), *_rows(execution, shown, now_us, width, ascii_only=ascii_only)]


def heading(execution: ExecutionView, now_us: int, width: int, *, ascii_only: bool = False) -> list[Text]:
    """Return what the execution is, was given and gave."""
    end_us = execution.finished_us or now_us
    verb = "took" if execution.finished_us else "for"
    title = Text.assemble(
        (execution.flow, "bold"), (f" v{execution.version}  ", "dim"),
        state_text(execution.state, ascii_only=ascii_only), (f"  {verb} {span(end_us - execution.created_us)}", "dim"),
    )  # fmt: skip
    about = [f"queue {execution.queue}", f"priority {execution.priority}", f"created {stamp(execution.created_us)} UTC"]
    facts = [("id", execution.id, "cyan"), ("about", ", ".join(about), "")]
    optional = (
        ("key", execution.idempotency_key), ("parent", execution.parent_id), ("rerun of", execution.rerun_of),
        ("goes on as", execution.continued_to), ("input", execution.input), ("result", execution.output),
        ("attributes", ", ".join(f"{name}={value}" for name, value in sorted(execution.attributes.items())) or None),
    )  # fmt: skip
    facts += [(name, value, "") for name, value in optional if value is not None]
    lines = [title]
    for name, value, style in facts:
        lines.append(Text.assemble((f"{name:<11}", "dim"), (short(value, width - 11), style)))
    if execution.error is not None:
        text = short(f"{execution.error.type}: {execution.error.message}", width - 11)
        lines.append(Text.assemble((f"{'error':<11}", "dim"), (text, "red")))
    return lines


def _rows(
    execution: ExecutionView, steps: Sequence[StepView], now_us: int, width: int, *, ascii_only: bool
) -> list[Text]:
    begin_us = execution.created_us
    end_us = max(execution.finished_us or now_us, begin_us + 1)
    number = max(len(str(steps[-1].seq)), 1)
    name = min(max(len("step"), *(len(_label(step)) for step in steps)), width // 4)
    bar = max(width - number - name - STATE_WIDTH - TOOK_WIDTH - 8, 8)
    left, right = clock(begin_us, begin_us), span(end_us - begin_us)
    scale = (left + " " * max(bar - len(left) - len(right) - 1, 1) + "+" + right)[:bar]
    lines = [Text(f"{'#':>{number}}  {'step':<{name}}  {'state':<{STATE_WIDTH}}  {scale:<{bar}}  {'took':>6}", "dim")]
    for step in steps:
        took = "" if step.started_us is None and step.finished_us is None else span(_took_us(step, now_us))
        lines.append(
            Text.assemble(
                (f"{step.seq:>{number}}  ", "dim"), f"{short(_label(step), name):<{name}}  ",
                _padded(state_text(step.state, ascii_only=ascii_only), STATE_WIDTH), "  ",
                _bar(step, begin_us, end_us, now_us, bar, ascii_only=ascii_only), "  ", (f"{took:>6}", "dim"),
            )
        )  # fmt: skip
        note = _note_line(step, execution, now_us, width, indent=number + 2)
        if note is not None:
            lines.append(note)
    return lines


def _padded(text: Text, width: int) -> Text:
    text.pad_right(max(width - len(text), 0))
    return text


def _label(step: StepView) -> str:
    return {StepKind.EVENT: "signal ", StepKind.CHILD: "flow ", StepKind.MARKER: "patch "}.get(
        step.kind, ""
    ) + step.name


def _took_us(step: StepView, now_us: int) -> int:
    begun = step.created_us if step.started_us is None else step.started_us
    return (step.finished_us or now_us) - begun


def _bar(step: StepView, begin_us: int, end_us: int, now_us: int, width: int, *, ascii_only: bool) -> Text:
    """Return the step's life on the execution's time: a thin line while it waited, a thick one while it ran."""
    thin, thick = ("-", "=") if ascii_only else ("╌", "━")

    def column(at_us: int) -> int:
        return min(max((at_us - begin_us) * width // (end_us - begin_us), 0), width)

    finished_us = min(step.finished_us or now_us, end_us)
    runs = step.started_us is not None and step.state not in (StepState.WAITING, StepState.READY, StepState.DEAD)
    started_us = step.started_us if runs and step.started_us is not None else finished_us
    first, turn = min(column(step.created_us), width - 1), column(started_us)
    last = min(max(column(finished_us), first + 1), width)
    turn = min(max(turn, first), last - 1 if runs else last)
    style = STYLES.get(step.state, "")
    drawn = Text(" " * first)
    drawn.append(thin * (turn - first), style="dim" if runs else style)
    drawn.append(thick * (last - turn), style=style)
    return _padded(drawn, width)


def _note_line(step: StepView, execution: ExecutionView, now_us: int, width: int, *, indent: int) -> Text | None:
    text = note(step, execution, now_us)
    if text is None:
        return None
    style = "red" if step.state in (StepState.FAILED, StepState.DEAD) else "yellow"
    return Text(" " * indent + short(text, width - indent), style=style)


def note(step: StepView, execution: ExecutionView, now_us: int) -> str | None:
    """Return why a step waits or what went wrong in it; None where there is nothing to say."""
    error = "" if step.error is None else f"{step.error.type}: {step.error.message}"
    match step.state:
        case StepState.FAILED:
            return error or "failed"
        case StepState.DEAD:
            return f"dead letter after {_times(step.attempt)}, waits for `engine retry`: {error}"
        case StepState.READY:
            since = step.ready_us or step.created_us
            return f"waits for a worker on queue {step.queue} for {span(now_us - since)}"
        case StepState.CLAIMED:
            progress = "" if step.progress is None else f", reported {step.progress}"
            return (
                None
                if step.seq == FLOW_SEQ
                else f"runs on worker {step.owner}, {_attempt(step, step.attempt)}{progress}"
            )
        case StepState.WAITING:
            return _waiting(step, execution, error, now_us)
        case _:
            return f"at attempt {step.attempt}" if step.kind == StepKind.STEP and step.attempt > 1 else None


def _waiting(step: StepView, execution: ExecutionView, error: str, now_us: int) -> str | None:
    due = step.due_us
    until = "" if due is None else f" until {clock(due, now_us)} (in {span(due - now_us)})"
    held = f", held while the execution is {execution.state}" if execution.state in ("paused", "parked") else ""
    if step.kind == StepKind.TIMER:
        return f"sleeps{until}{held}"
    if step.kind == StepKind.EVENT:
        return f"waits for signal {step.name}{until}{held}"
    if step.kind == StepKind.CHILD:
        return f"waits for flow {step.name}: {step.child_id}{held}"
    if step.seq == FLOW_SEQ:
        return (
            f"starts at {clock(due, now_us)} (in {span(due - now_us)}){held}"
            if due and not execution.advanced
            else None
        )
    when = "" if due is None else f" in {span(due - now_us)}"
    return f"retries{when} ({_attempt(step, step.attempt + 1)}){held}: {error}" if error else f"waits{until}{held}"


def _attempt(step: StepView, number: int) -> str:
    most = "" if step.max_attempts > MAX_ATTEMPTS_SHOWN else f" of {step.max_attempts}"
    return f"attempt {number}{most}"


def _times(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"
