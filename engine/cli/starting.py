"""``engine start`` and ``engine result``."""

# ruff: noqa: PLR0913, PLR0917 - every flag of a command is an argument of its function

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.exits import EPILOG
from engine.cli.parsing import arguments, pairs
from engine.cli.session import Session, console, print_json
from engine.client.outcomes import Outcome
from engine.client.starts import ANY_RESULT
from engine.client.synchronous import Client


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("start", epilog=EPILOG)(start)
    app.command("result", epilog=EPILOG)(result)


def start(
    ctx: typer.Context,
    flow: Annotated[str, typer.Argument(help="The name of the flow.")],
    arg: Annotated[
        list[str] | None, typer.Option("--arg", "-a", metavar="NAME=JSON", help="An argument; what is no JSON is text.")
    ] = None,
    input: Annotated[str | None, typer.Option(metavar="JSON", help="All arguments, as a JSON object by name.")] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key starts only once.")] = None,
    queue: Annotated[str | None, typer.Option(help="The queue it runs on.")] = None,
    priority: Annotated[int | None, typer.Option(min=0, max=9, help="0 goes first, 9 last.")] = None,
    delay: Annotated[str | None, typer.Option(help="Begin so much later, as in 5m.")] = None,
    attr: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A word to find it by.")] = None,
    version: Annotated[int | None, typer.Option(min=1, help="The flow's version; the highest known otherwise.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result and print it.")] = False,
    timeout: Annotated[str | None, typer.Option(help="With --wait: how long, as in 30s.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Start an execution of a flow and print its id.

    With the flow's module in the settings (`flows`), the arguments are checked against its signature.

        engine start fulfil --arg order_id=17 --arg customer=Ann

        engine start fulfil --input '{"order_id": 17}' --key order-17 --attr region=eu

        engine start report --delay 5m --queue slow

        engine start hello --arg name=Ann --wait --timeout 30s
    """
    session: Session = ctx.obj
    values = arguments(input, arg or [])
    with session.client(with_flows=True) as client:
        attributes: dict[str, str | int | bool] = {**pairs(attr or [], "--attr")}
        options = client.options(
            key=key, queue=queue, priority=priority, delay=delay, attributes=attributes, version=version
        )
        handle = options.start_input(flow, values)
        if wait:
            _print_result(client, handle.id, timeout)
        elif as_json:
            print_json({"id": handle.id, "existed": handle.existed})
        else:
            print(handle.id)
            if handle.existed:
                console(stderr=True).print(f"[dim]it was there already, started with the key {key}[/dim]")


def result(
    ctx: typer.Context,
    execution: Annotated[str, typer.Argument(help="The execution's id, or its first characters.")],
    timeout: Annotated[str | None, typer.Option(help="Give up after so long, as in 30s; 0s only looks.")] = None,
) -> None:
    """Wait for an execution to end and print its result as JSON.

    Exits with 4 when it failed or was cancelled, with 5 when the timeout ran out.

        engine result 01kb7x2m

        engine result 01kb7x2m --timeout 30s || echo "not yet, or failed"
    """
    session: Session = ctx.obj
    with session.client() as client:
        _print_result(client, client.find_id(execution), timeout)


def _print_result(client: Client, execution_id: str, timeout: str | None) -> None:
    outcome: Outcome = client.wait_for(execution_id, timeout)
    print_json(outcome.value(ANY_RESULT))
