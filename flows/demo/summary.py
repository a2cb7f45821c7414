"""The summary: the proofs, the figures, and where to look further."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.model.states import StepKind
from flows.demo.facts import Facts
from flows.demo.proof import Proof, retried_after_errors, take_over
from flows.demo.stage import Stage


def draw_summary(facts: Facts, proofs: list[Proof], seconds: float) -> RenderableType:
    """Return everything to print at the end. ``seconds``: how long the executions took in all."""
    return Group(
        Text(),
        Text("Proved from the store, the ledger and the letters", style="bold"),
        _proofs(proofs),
        Text(),
        Text("What happened", style="bold"),
        _figures(facts, seconds),
        Text(),
        Text("Look at one of them", style="bold"),
    )


def _proofs(proofs: list[Proof]) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for proof in proofs:
        mark = Text("yes", style="bold green") if proof.holds else Text("NO", style="bold red")
        grid.add_row(Text("  "), mark, Text(proof.claim), Text(proof.counted, style="dim"))
    return grid


def _figures(facts: Facts, seconds: float) -> RenderableType:
    done = sum(step.state == "completed" for step in facts.of_kind(StepKind.STEP))
    timers = len(facts.of_kind(StepKind.TIMER))
    repeats = sum(entry.requests > 1 for entry in facts.entries)
    retried, attempts = retried_after_errors(facts)
    grid = Table.grid(padding=(0, 2, 0, 0))
    rows = [
        f"{len(facts.states)} executions with {done:,} steps and {timers} durable sleeps took {seconds:.1f} s",
        f"{retried} steps were retried after {attempts} failed attempts",
        f"{repeats} payments were asked for again; the ledger knew their keys, and paid once",
    ]
    taken = take_over(facts)
    if taken is not None and facts.death is not None:
        worker = facts.death.worker
        rows.append(
            f"{taken.steps} steps were taken over from worker {worker.number}, {taken.first_seconds:.2f} to "
            f"{taken.last_seconds:.2f} s after it was killed"
        )
    for row in rows:
        grid.add_row(Text("  "), Text(row))
    return grid


def hints(facts: Facts, stage: Stage) -> list[Text]:
    """Return commands to go on with, one a line; to be printed whole, however narrow the terminal is."""
    execution_id = _most_eventful(facts)
    configuration = _short(stage.configuration)
    flight = facts.started.get(execution_id, "")
    commands = (
        f"engine show {execution_id} --config {configuration}",
        f"cat {_short(stage.desk.letters / flight)}.txt",
    )
    return [Text(f"  {command}", style="cyan") for command in commands]


def _most_eventful(facts: Facts) -> str:
    """Return an execution that lost its worker, or else the one whose steps took most attempts."""
    if facts.death is not None:
        held = [key for key in facts.death.held if (step := facts.steps.get(key)) and step.name == "pay"]
        if held:
            return held[0][0]
    attempts = dict.fromkeys(facts.states, 0)
    for step in facts.of_kind(StepKind.STEP):
        attempts[step.execution_id] += step.attempt
    return max(attempts, key=lambda execution_id: attempts[execution_id], default="")


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
