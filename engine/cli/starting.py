"""``engine start`` and ``engine result``."""

# ruff: noqa: PLR0913, PLR0917 - every flag of a command is an argument of its function

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.commands import add
from engine.cli.exits import say
from engine.cli.flags import AsJson, Execution
from engine.cli.parsing import arguments, pairs
from engine.cli.session import Session, print_json
from engine.config.suggestions import did_you_mean
from engine.errors import ConfigError, ExecutionFailed

if TYPE_CHECKING:
    from engine.client import Client

PANEL = "Run"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, start, panel=PANEL)
    add(app, result, panel=PANEL)


def start(
    session: Session,
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="The name of the flow.")],
    arg: Annotated[
        list[str] | None, typer.Option("--arg", "-a", metavar="NAME=JSON", help="An argument; what is no JSON is text.")
    ] = None,
    input: Annotated[str | None, typer.Option(metavar="JSON", help="All arguments, as a JSON object by name.")] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key starts only once.")] = None,
    queue: Annotated[str | None, typer.Option(metavar="NAME", help="The queue it runs on.")] = None,
    priority: Annotated[int | None, typer.Option(min=0, max=9, help="0 goes first, 9 last.")] = None,
    delay: Annotated[str | None, typer.Option(metavar="TIME", help="Begin so much later, as in 5m.")] = None,
    attr: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A word to find it by.")] = None,
    version: Annotated[int | None, typer.Option(min=1, help="The flow's version; the highest known otherwise.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result and print it.")] = False,
    timeout: Annotated[str | None, typer.Option(metavar="TIME", help="With --wait: how long, as in 30s.")] = None,
    as_json: AsJson = False,
) -> None:
    """Start an execution of a flow and print its id, or its result.

    Where the settings name the flow's module (`flows`), the arguments are checked against its signature.

    engine start fulfil --arg order_id=17 --arg customer=Ann

    engine start fulfil --input '{"order_id": 17}' --key order-17 --attr region=eu

    engine start report --delay 5m --queue slow

    engine start hello --arg name=Ann --wait --timeout 30s
    """
    values = arguments(input, arg or [])
    attributes: dict[str, str | int | bool] = {**pairs(attr or [], "--attr")}
    with session.client(starting=True) as client:
        _refuse_typo(client, flow)
        options = client.options(
            key=key, queue=queue, priority=priority, delay=delay, attributes=attributes, version=version
        )
        handle = options.start_input(flow, values)
        if handle.existed and not as_json:
            say("engine", f"{handle.id} was there already, started with the key {key}")
        if wait:
            if not as_json:
                say("engine", f"waiting for {handle.id}")
            _print_result(client, handle.id, timeout, as_json=as_json, existed=handle.existed)
        elif as_json:
            print_json({"id": handle.id, "existed": handle.existed})
        else:
            print(handle.id)


def _refuse_typo(client: Client, flow: str) -> None:
    """Refuse a name that is nearly that of a flow in the settings' modules: no worker would ever run it.

    Other names may be of flows that only the workers know.
    """
    names = {known.name for known in client.registry.flows} if client.registry is not None else set[str]()
    meant = "" if flow in names else did_you_mean(flow, names)
    if meant:
        raise ConfigError(f"the modules of the settings hold no flow {flow!r}{meant}")


def result(
    session: Session,
    execution: Execution,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Give up after so long, as in 30s; 0s only looks.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Wait for an execution to end and print its result, as JSON.

    Exits with 4 when it failed or was cancelled, with 5 when the timeout ran out. With --json, an object also tells the
    id, the state and the error.

    engine result 01kb7x2m

    engine result 01kb7x2m --timeout 30s || echo "not yet, or failed"

    engine result 01kb7x2m --json | jq .state
    """
    with session.client() as client:
        _print_result(client, client.find_id(execution), timeout, as_json=as_json)


def _print_result(client: Client, execution_id: str, timeout: str | None, *, as_json: bool, **more: Any) -> None:
    from engine.client.starts import ANY_RESULT

    outcome = client.wait_for(execution_id, timeout)
    if not as_json:
        print_json(outcome.value(ANY_RESULT))
        return
    told: dict[str, Any] = {"id": outcome.id, "state": outcome.state, "result": None, "error": None, **more}
    try:
        told["result"] = outcome.value(ANY_RESULT)
    except ExecutionFailed as error:
        told["error"] = {"type": error.error_type, "message": error.error_message}
        raise
    finally:
        print_json(told)
