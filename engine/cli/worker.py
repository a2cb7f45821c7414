"""``engine-worker``: run steps and flows until it is told to stop."""

from __future__ import annotations

# ruff: noqa: PLR0917 - every flag of a command is an argument of its function
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from engine.cli.exits import complain
from engine.config import load_settings
from engine.errors import MilepostError

EPILOG = "Exit codes: 0 stopped as told, 1 error, 2 usage or configuration."

app = typer.Typer(
    name="engine-worker",
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(epilog=EPILOG)
def work(
    config: Annotated[str | None, typer.Option(help="The configuration file, engine.toml by default.")] = None,
    store: Annotated[str | None, typer.Option(help="The URL of the store.")] = None,
    flows: Annotated[str | None, typer.Option(help="Modules with flows and steps, separated by commas.")] = None,
    queues: Annotated[str | None, typer.Option(help="The queues to serve, separated by commas.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Steps that each process runs at the same time.")] = None,
    processes: Annotated[int | None, typer.Option(help="How many processes to run.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    json_logs: Annotated[bool, typer.Option("--json-logs", help="Write logs as JSON, one object a line.")] = False,
) -> None:
    """Run steps and flows until a signal: the first lets running steps end, a second one does not wait for them.

    engine-worker

    engine-worker --flows my_flow.py --store sqlite:///milepost.db

    engine-worker --queues default,mail --concurrency 50 --processes 4 --json-logs
    """
    try:
        settings = load_settings(
            config,
            {
                "store.url": store,
                "flows": flows,
                "worker.queues": queues,
                "worker.concurrency": concurrency,
                "worker.processes": processes,
                "logging.level": log_level,
                "logging.format": "json" if json_logs else None,
            },
        )
        from engine.worker.run import run_worker

        code = run_worker(settings)
    except (MilepostError, SQLAlchemyError, OSError) as error:
        code = complain("engine-worker", error)
    raise typer.Exit(code)


def main() -> None:
    """Run ``engine-worker``."""
    app(prog_name="engine-worker")


if __name__ == "__main__":
    main()
