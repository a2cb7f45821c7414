"""``engine-worker``: run steps and flows until it is told to stop."""

from __future__ import annotations

# ruff: noqa: PLR0917 - every flag of a command is an argument of its function
from typing import Annotated

import typer

from engine.cli.commands import Command, Config, Flows, Store
from engine.cli.exits import complain, is_expected
from engine.cli.session import safe_streams

EXITS = "0 stopped as told, 1 error, 2 wrong usage or settings"

app = typer.Typer(
    name="engine-worker",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(cls=Command, epilog=EXITS)
def work(
    queues: Annotated[
        str | None, typer.Option("--queues", metavar="NAMES", help="The queues to serve, comma-separated.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", metavar="N", help="Steps that each process runs at the same time.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", metavar="N", help="How many processes to run.")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
    ] = None,
    json_logs: Annotated[bool, typer.Option("--json-logs", help="Write logs as JSON, one object a line.")] = False,
    config: Config = None,
    store: Store = None,
    flows: Flows = None,
) -> None:
    """Run steps and flows until a signal.

    The first signal lets running steps end, a second one does not wait for them.

    engine-worker

    engine-worker --flows my_flow.py --store sqlite:///milepost.db

    engine-worker --queues default,mail --concurrency 50 --processes 4 --json-logs
    """
    from engine.config import load_settings

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
    except Exception as error:
        if not is_expected(error):
            raise
        code = complain("engine-worker", error)
    raise typer.Exit(code)


def main() -> None:
    """Run ``engine-worker``."""
    safe_streams()
    app(prog_name="engine-worker")


if __name__ == "__main__":
    main()
