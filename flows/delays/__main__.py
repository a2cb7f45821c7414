"""The command: ``python -m flows.delays [--store URL] [--directory DIRECTORY]``."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.text import Text

from engine.cli.session import console as console_of_commands
from engine.client import Client
from engine.errors import MilepostError
from engine.store.database import Database
from engine.store.migrations import migrate
from flows.delays.checks import check
from flows.delays.data import all_trips
from flows.delays.desk import Desk
from flows.delays.flow import POLICY
from flows.delays.site import Site, set_site
from flows.delays.story import Story
from flows.delays.view import draw, one_to_explain
from flows.demo.fleet import workers_running
from flows.demo.trouble import DemoFailed

LIMIT_SECONDS = 50.0


def main(arguments: list[str] | None = None) -> int:
    """Run the example; return 0 if every check holds."""
    options = _options(arguments)
    console = console_of_commands()
    try:
        if importlib.util.find_spec("openpyxl") is None:
            raise DemoFailed("workbooks are read with openpyxl: run: python -m pip install 'milepost[xlsx]'")
        with _directory(options.directory) as directory:
            return _run(set_site(directory, options.store), options.limit)
    except (DemoFailed, MilepostError) as error:
        console.print(f"The example failed: {error}", style="red", markup=False)
        return 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m flows.delays",
        description="Change a policy in a workbook while workers decide by it for flights that are in the air.",
    )
    parser.add_argument("--store", metavar="URL", help="the store (default: an SQLite file in the directory)")
    parser.add_argument("--directory", type=Path, help="where to run, and what to keep (default: one that is removed)")
    parser.add_argument(
        "--limit", type=float, default=LIMIT_SECONDS, help="give up after so many seconds (default: 50)"
    )
    return parser.parse_args(arguments)


@contextmanager
def _directory(kept: Path | None) -> Generator[Path]:
    """Give the directory to run in; one that is removed in the end, if none is to be kept."""
    if kept is None:
        with tempfile.TemporaryDirectory() as directory:
            yield Path(directory)
        return
    kept.mkdir(parents=True, exist_ok=True)
    yield kept


def _run(site: Site, limit_seconds: float) -> int:
    console = console_of_commands()
    deadline = time.monotonic() + limit_seconds
    trips = all_trips()
    half = len(trips) // 2
    database = Database(site.store_url)
    try:
        migrate(database)
        console.print(Text(f"Two workers start in {site.directory}", style="dim"), soft_wrap=True)
        with workers_running(site, database, 2) as workers, Client(database) as client:
            story = Story(site, database, client, list(workers), console, deadline)
            facts = story.tell(trips[:half], trips[half:])
    finally:
        database.close()
    desk = Desk(site, console)
    explained = one_to_explain(facts)
    if explained is not None:
        story.chapter("Why the first version gave what it gave, though the second one was active by then")
        desk.rules("explain", explained.execution_id, explained.seq)
    story.chapter("What the second version would have given those flights")
    # It ends with 1 if an outcome would change, and some do: that is what the version was made for.
    desk.rules("backtest", POLICY, "--version", facts.versions[1], "--show", 1, code=1)
    proofs = check(facts)
    console.print(draw(facts, proofs))
    return 0 if all(proof.holds for proof in proofs) else 1


if __name__ == "__main__":
    sys.exit(main())
