"""``engine signal``, ``cancel``, ``pause``, ``resume``, ``retry`` and ``rerun``."""

# ruff: noqa: PLR0913, PLR0917 - every flag of a command is an argument of its function

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.progress import Progress

from engine.cli.exits import EPILOG
from engine.cli.parsing import json_value, moment, pairs
from engine.cli.session import Session, console
from engine.client.filters import Filter
from engine.client.synchronous import Client
from engine.errors import ConfigError

Execution = Annotated[str, typer.Argument(help="The execution's id, or its first characters.")]
Maybe = Annotated[str | None, typer.Argument(metavar="[EXECUTION]", help="The execution; leave it out for many.")]
StateFlag = Annotated[str | None, typer.Option("--state", help="Those in this state.")]
FlowFlag = Annotated[str | None, typer.Option("--flow", help="Those of this flow.")]
AttrFlag = Annotated[list[str] | None, typer.Option("--attr", metavar="NAME=VALUE", help="Those with this attribute.")]
SinceFlag = Annotated[str | None, typer.Option("--since", help="Those created since: 2h ago, or a time.")]
UntilFlag = Annotated[str | None, typer.Option("--until", help="Those created before: 2h ago, or a time.")]
LimitFlag = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="The most executions to touch.")]
YesFlag = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

DONE = {"cancel": "asked to cancel", "pause": "paused", "resume": "resumed", "retry": "retried"}
STATES = {"cancel": "running", "pause": "running", "resume": "paused", "retry": "running"}
LIMIT = 1000


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("signal", epilog=EPILOG)(signal)
    for verb, text in _HELP.items():
        app.command(verb, help=text, epilog=EPILOG)(_bulk(verb))
    app.command("retry", epilog=EPILOG)(retry)
    app.command("rerun", epilog=EPILOG)(rerun)


_HELP = {
    "cancel": """Ask one execution, or many, to end; their flows may run compensations first.

    engine cancel 01kb7x2m

    engine cancel --flow fulfil --state running --since 2h --yes
    """,
    "pause": """Start nothing more of one execution, or of many, until they are resumed.

    engine pause 01kb7x2m

    engine pause --flow fulfil --yes
    """,
    "resume": """Let paused or parked executions go on.

    engine resume 01kb7x2m

    engine resume --flow fulfil --state parked --yes
    """,
}


def signal(
    ctx: typer.Context,
    execution: Execution,
    name: Annotated[str, typer.Argument(help="The signal's name.")],
    payload: Annotated[str, typer.Argument(metavar="[JSON]", help="What it carries.")] = "null",
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key is delivered only once.")] = None,
) -> None:
    """Send a signal to an execution.

    engine signal 01kb7x2m approved '{"by": "Ann"}'

    engine signal 01kb7x2m approved --key approval-17
    """
    session: Session = ctx.obj
    value = json_value(payload, "the payload")
    with session.client() as client:
        execution_id = client.find_id(execution)
        sent = client.signal(execution_id, name, value, key=key)
    print(f"signal {name} sent to {execution_id}" if sent else f"a signal with the key {key} had been delivered before")


def _bulk(verb: str) -> Callable[..., None]:
    def run(
        ctx: typer.Context,
        execution: Maybe = None,
        state: StateFlag = None,
        flow: FlowFlag = None,
        attr: AttrFlag = None,
        since: SinceFlag = None,
        until: UntilFlag = None,
        limit: LimitFlag = LIMIT,
        yes: YesFlag = False,
    ) -> None:
        session: Session = ctx.obj
        with session.client() as client:
            if execution is not None:
                if state or flow or attr or since or until:
                    raise ConfigError("give an execution or filters, not both")
                execution_id = client.find_id(execution)
                getattr(client, verb)(execution_id)
                print(f"{DONE[verb]}: {execution_id}")
                return
            _many(client, verb, _filter(client, verb, state, flow, attr, since, until), limit, yes=yes)

    return run


def _filter(
    client: Client, verb: str, state: str | None, flow: str | None, attr: list[str] | None, since: str | None,
    until: str | None,
) -> Filter:  # fmt: skip
    if not (state or flow or attr or since or until):
        raise ConfigError("name an execution, or say which ones with --flow, --state, --attr, --since or --until")
    now_us = client.now_us()
    return Filter(
        state=state or STATES[verb],
        flow=flow,
        attributes=pairs(attr or [], "--attr"),
        since=moment(since, "--since", now_us),
        until=moment(until, "--until", now_us),
    )


def _many(client: Client, verb: str, wanted: Filter, limit: int, *, yes: bool) -> None:
    count = sum(1 for _ in client.find_all(wanted, limit=limit))
    more = " (the limit; there may be more)" if count == limit else ""
    if not count:
        print("no executions match")
        return
    if not yes:
        typer.confirm(f"{verb} {count} executions{more}?", abort=True, err=True)
    act: Any = getattr(client, f"{verb}_many")
    with Progress(console=console(stderr=True), transient=True) as progress:
        task = progress.add_task(verb, total=count)

        def told(so_far: int) -> None:
            progress.update(task, completed=so_far)

        done = act(wanted, limit=limit, told=told)
    print(f"{DONE[verb]}: {done} of {count} executions{more}")


def retry(
    ctx: typer.Context,
    execution: Maybe = None,
    step: Annotated[int | None, typer.Option(metavar="SEQ", help="Only the dead letter at this number.")] = None,
    input: Annotated[str | None, typer.Option(metavar="JSON", help="With --step: other arguments for it.")] = None,
    flow: FlowFlag = None,
    attr: AttrFlag = None,
    since: SinceFlag = None,
    until: UntilFlag = None,
    limit: LimitFlag = LIMIT,
    yes: YesFlag = False,
) -> None:
    """Give dead letters their attempts again: of one execution, or of many.

    engine retry 01kb7x2m

    engine retry 01kb7x2m --step 3 --input '{"amount": 12}'

    engine retry --flow fulfil --since 1d --yes
    """
    session: Session = ctx.obj
    with session.client() as client:
        if execution is None:
            if step is not None or input is not None:
                raise ConfigError("--step and --input need an execution")
            _many(client, "retry", _filter(client, "retry", None, flow, attr, since, until), limit, yes=yes)
            return
        execution_id = client.find_id(execution)
        client.retry(execution_id, step, None if input is None else json_value(input, "--input"))
        print(f"retried: {execution_id}")


def rerun(
    ctx: typer.Context,
    execution: Execution,
    from_step: Annotated[int, typer.Option("--from", metavar="SEQ", min=1, help="The first step to do again.")] = 1,
) -> None:
    """Start a new execution that keeps the results before a step, and print its id.

    engine rerun 01kb7x2m

    engine rerun 01kb7x2m --from 4
    """
    session: Session = ctx.obj
    with session.client() as client:
        print(client.rerun(client.find_id(execution), from_step))
