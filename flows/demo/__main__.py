"""The command: ``python -m flows.demo [--flights 400] [--directory demo-run]``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live

from engine.errors import MilepostError
from engine.store.database import Database
from engine.store.migrations import migrate
from flows.demo.facts import gather_facts
from flows.demo.fleet import workers_running
from flows.demo.job import run_job
from flows.demo.proof import prove
from flows.demo.stage import set_stage
from flows.demo.summary import draw_summary, hints
from flows.demo.trouble import DemoFailed
from flows.demo.view import Progress, draw, line
from flows.flights.data import NoFlights, delayed_flights
from flows.flights.desk import DEFAULT_DIRECTORY

LIMIT_SECONDS = 50.0
LINE_EVERY_SECONDS = 2.0


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return 0 if every proof holds."""
    options = _options(arguments)
    console = Console(highlight=False)
    try:
        return _run(options.flights, options.directory, options.limit, console)
    except (DemoFailed, NoFlights, MilepostError) as error:
        console.print(f"The demo failed: {error}", style="red", markup=False)
        return 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m flows.demo", description="Settle delayed flights on two workers, and kill one of them half-way."
    )
    parser.add_argument("--flights", type=int, default=400, help="how many delayed flights (default: 400)")
    parser.add_argument(
        "--directory", type=Path, default=Path(DEFAULT_DIRECTORY), help="where to run (default: ./demo-run)"
    )
    parser.add_argument(
        "--limit", type=float, default=LIMIT_SECONDS, help="give up after so many seconds (default: 50)"
    )
    options = parser.parse_args(arguments)
    if options.flights < 1:
        parser.error("--flights must be at least 1")
    return options


def _run(count: int, directory: Path, limit_seconds: float, console: Console) -> int:
    flights = delayed_flights(count)
    stage = set_stage(directory)
    database = Database(stage.store_url)
    try:
        migrate(database)
        console.print(f"Two workers start in {stage.directory}", style="dim", markup=False, soft_wrap=True)
        with workers_running(stage, database, 2) as workers, _showing(console) as show:
            ran = run_job(stage, database, workers, flights, show, limit_seconds)
        facts = gather_facts(stage, database, flights, ran.started, ran.death)
    finally:
        database.close()
    proofs = prove(facts)
    console.print(draw_summary(facts, proofs, ran.seconds))
    for hint in hints(facts, stage):
        console.print(hint, soft_wrap=True)
    console.print()
    return 0 if all(proof.holds for proof in proofs) else 1


@contextmanager
def _showing(console: Console) -> Iterator[Callable[[Progress], None]]:
    """Yield what shows progress: a live view on a terminal, else a line now and then."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda progress: live.update(draw(progress), refresh=True)
        return
    last = 0.0

    def print_line(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LINE_EVERY_SECONDS or progress.census is None:
            last = now
            console.print(line(progress))

    yield print_line


if __name__ == "__main__":
    sys.exit(main())
