"""``engine queues pause`` and ``engine queues resume``."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.commands import add
from engine.cli.flags import AsJson
from engine.cli.session import Session, print_json

Queue = Annotated[str, typer.Argument(metavar="NAME", help="The queue.")]


def register(group: typer.Typer) -> None:
    """Add the commands of this module to those about queues."""
    for function in (pause, resume):
        add(group, function)


def pause(
    session: Session,
    name: Queue,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for those who look.")] = None,
    as_json: AsJson = False,
) -> None:
    """Have no worker take steps from a queue until it is resumed.

    Steps that run go on to their end and are recorded. Starts, signals and timers are taken in, and wait.

    engine queues pause gpu

    engine queues pause gpu --reason "new drivers"
    """
    with session.client() as client:
        client.pause_queue(name, reason)
        served = any(name in worker.queues for worker in client.workers())
    if as_json:
        print_json({"queue": name, "done": "pause"})
    else:
        print(f"paused: {name}" + ("" if served else " (no worker that is alive serves it)"))


def resume(session: Session, name: Queue, as_json: AsJson = False) -> None:
    """Have workers take steps from a paused queue again.

    engine queues resume gpu
    """
    with session.client() as client:
        resumed = client.resume_queue(name)
    if as_json:
        print_json({"queue": name, "done": "resume", "was_paused": resumed})
    else:
        print(f"resumed: {name}" if resumed else f"it was not paused: {name}")
