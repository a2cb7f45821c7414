"""All there is to know of one step, as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from engine.cli.texts import clean, span, stamp, state_text

if TYPE_CHECKING:
    from engine.model.views import StepView

_LABEL = 10


def step_lines(step: StepView, now_us: int, *, ascii_only: bool) -> list[Text]:
    """Return the lines of ``engine show --step``; long values are not cut."""
    title = Text.assemble(
        (f"{step.seq}  ", "dim"), (clean(step.name), "bold"), (f"  {step.kind}  ", "dim"),
        state_text(step.state, ascii_only=ascii_only),
    )  # fmt: skip
    begun = step.started_us or step.created_us
    facts = [
        ("attempt", f"{step.attempt} of {step.max_attempts}" if step.attempt else None),
        ("queue", f"{step.queue}, priority {step.priority}"),
        ("created", f"{stamp(step.created_us)} UTC"),
        ("started", None if step.started_us is None else f"{stamp(step.started_us)} UTC"),
        ("finished", None if step.finished_us is None else f"{stamp(step.finished_us)} UTC"),
        ("took", None if step.finished_us is None else span(step.finished_us - begun)),
        ("due", None if step.due_us is None else f"{stamp(step.due_us)} UTC (in {span(step.due_us - now_us)})"),
        ("timeout", None if step.timeout_us is None else span(step.timeout_us)),
        ("worker", None if step.owner is None else str(step.owner)),
        ("child", step.child_id),
        ("input", step.input),
        ("result", step.output),
        ("progress", step.progress),
    ]
    lines = [title]
    for name, value in facts:
        if value is not None:
            lines.append(Text.assemble((f"{name:<{_LABEL}}", "dim"), clean(value)))
    if step.error is not None:
        error = f"{step.error.type}: {step.error.message}"
        lines.append(Text.assemble((f"{'error':<{_LABEL}}", "dim"), (clean(error), "red")))
        for line in step.error.traceback.splitlines():
            indent = 2 + len(line) - len(line.lstrip())
            lines.append(Text(" " * indent + clean(line), style="dim"))
    return lines
