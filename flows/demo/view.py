"""The progress view, drawn with rich from one census after another."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flows.demo.census import Census
from flows.demo.fleet import WorkerProcess
from flows.demo.killing import Death

RATE_SECONDS = 2.0
"""The rate is that of the last so many seconds."""


@dataclass
class Progress:
    """What the view shows. ``seconds`` are since the start of the first execution."""

    flights: int
    steps_expected: int
    workers: list[WorkerProcess]
    census: Census | None = None
    seconds: float = 0.0
    death: Death | None = None
    killed_at_seconds: float = 0.0
    _past: deque[tuple[float, int]] = field(default_factory=deque)

    def update(self, census: Census, seconds: float) -> None:
        """Take in the latest census."""
        self.census, self.seconds = census, seconds
        self._past.append((seconds, census.steps_done))
        while len(self._past) > 2 and self._past[0][0] < seconds - RATE_SECONDS:
            self._past.popleft()

    @property
    def steps_per_second(self) -> float:
        """How fast steps are done at present."""
        if len(self._past) < 2:
            return 0.0
        (then, before), (now, done) = self._past[0], self._past[-1]
        return (done - before) / (now - then) if now > then else 0.0


def draw(progress: Progress) -> RenderableType:
    """Return the whole view."""
    census = progress.census
    if census is None:
        return Text("starting")
    parts = [_bar(progress, census), Text(), _counts(progress, census), Text(), _workers(progress, census)]
    parts += [Text(), _note(progress)]
    title = f"[bold]Milepost[/bold]  compensation for {progress.flights} delayed flights"
    return Panel(Group(*parts), title=title, title_align="left", width=88, padding=(1, 2))


def line(progress: Progress) -> str:
    """Return the view as one line, for where there is no terminal."""
    census = progress.census
    assert census is not None
    return (
        f"{progress.seconds:5.1f} s  {census.completed}/{progress.flights} executions completed  "
        f"{census.steps_done}/{progress.steps_expected} steps  {progress.steps_per_second:.0f} steps/s"
    )


def _bar(progress: Progress, census: Census) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    share = 100 * census.steps_done // max(progress.steps_expected, 1)
    grid.add_row(
        ProgressBar(total=progress.steps_expected, completed=census.steps_done, width=40),
        f"{share:3} %",
        f"[bold]{progress.steps_per_second:.0f}[/bold] steps/s",
        f"{progress.seconds:.1f} s",
    )
    return grid


def _counts(progress: Progress, census: Census) -> RenderableType:
    states = "   ".join(f"[bold]{count}[/bold] {state}" for state, count in sorted(census.executions.items()))
    grid = Table.grid(padding=(0, 2))
    grid.add_row("Executions", states)
    grid.add_row("Steps done", f"[bold]{census.steps_done}[/bold] of {progress.steps_expected}")
    grid.add_row("Retries", f"[bold]{census.attempts_repeated}[/bold] made   [bold]{census.to_retry}[/bold] to come")
    return grid


def _workers(progress: Progress, census: Census) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("Worker")
    table.add_column("Process", justify="right")
    table.add_column("")
    table.add_column("Steps in hand", justify="right")
    table.add_column("Payments made", justify="right")
    for worker in progress.workers:
        killed = progress.death is not None and progress.death.worker is worker
        table.add_row(
            str(worker.number),
            str(worker.pid),
            "[bold red]killed[/bold red]" if killed else "[green]alive[/green]",
            str(census.holding.get(worker.id, 0)),
            str(census.payments.get(worker.pid, 0)),
        )
    return table


def _note(progress: Progress) -> Text:
    death = progress.death
    if death is None:
        return Text("Half-way, one of the workers will be killed.", style="dim")
    return Text(
        f"Worker {death.worker.number} was killed with SIGKILL after {progress.killed_at_seconds:.1f} s, "
        f"with {len(death.held)} steps in hand.",
        style="red",
    )
