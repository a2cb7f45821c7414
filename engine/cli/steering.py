"""``engine signal``, ``cancel``, ``pause``, ``resume``, ``retry`` and ``rerun``."""

# ruff: noqa: PLR0913, PLR0917 - every flag of a command is an argument of its function

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from engine.cli.commands import add
from engine.cli.flags import (
    AsJson,
    AttrFlag,
    Execution,
    FlowFlag,
    LimitFlag,
    Maybe,
    SinceFlag,
    StateFlag,
    UntilFlag,
    YesFlag,
)
from engine.cli.parsing import json_value, moment, pairs, states
from engine.cli.session import Session, confirm, console, print_json
from engine.cli.texts import executions
from engine.client.filters import Filter
from engine.errors import ConfigError
from engine.model.states import UNFINISHED

if TYPE_CHECKING:
    from engine.client import Client

PANEL = "Steer"
DONE = {"cancel": "asked to cancel", "pause": "paused", "resume": "resumed", "retry": "retried"}
STATES = {"cancel": UNFINISHED, "pause": {"running"}, "resume": {"paused"}, "retry": UNFINISHED}
LIMIT = 1000


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, signal, panel=PANEL)
    for verb, text in _HELP.items():
        add(app, _bulk(verb), name=verb, text=text, panel=PANEL)
    add(app, retry, panel=PANEL)
    add(app, rerun, panel=PANEL)


_HELP = {
    "cancel": """Ask one execution, or many, to end.

    Their flows may run compensations first. Of many, those that have not ended are meant, unless --state says which.

    engine cancel 01kb7x2m

    engine cancel --flow fulfil --since 2h --yes
    """,
    "pause": """Start nothing more of one execution, or of many.

    Steps that run go on to their end and are recorded. Of many, those that run are meant.

    engine pause 01kb7x2m

    engine pause --flow fulfil --yes
    """,
    "resume": """Let paused or parked executions go on.

    Of many, those that are paused are meant; parked ones, which were set aside for a reason, with --state parked.

    engine resume 01kb7x2m

    engine resume --flow fulfil --state parked --yes
    """,
}


def signal(
    session: Session,
    execution: Execution,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The signal's name.")],
    payload: Annotated[str, typer.Argument(metavar="JSON", help="What it carries; null if left out.")] = "null",
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key is delivered only once.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send a signal to an execution.

    engine signal 01kb7x2m approved '{"by": "Ann"}'

    engine signal 01kb7x2m approved --key approval-17
    """
    value = json_value(payload, "the payload")
    with session.client() as client:
        execution_id = client.find_id(execution)
        sent = client.signal(execution_id, name, value, key=key)
    if as_json:
        print_json({"id": execution_id, "signal": name, "delivered": sent})
    elif sent:
        print(f"signal {name} sent to {execution_id}")
    else:
        print(f"a signal with the key {key} had been delivered before")


def _bulk(verb: str) -> Callable[..., None]:
    def run(
        session: Session,
        execution: Maybe = None,
        state: StateFlag = None,
        flow: FlowFlag = None,
        attr: AttrFlag = None,
        since: SinceFlag = None,
        until: UntilFlag = None,
        limit: LimitFlag = LIMIT,
        yes: YesFlag = False,
        as_json: AsJson = False,
    ) -> None:
        with session.client() as client:
            if execution is not None:
                if state or flow or attr or since or until:
                    raise ConfigError("give an execution or filters, not both")
                _one(client, verb, execution, as_json=as_json)
            else:
                wanted = _filter(client, state, flow, attr, since, until)
                _many(client, verb, wanted, limit, yes=yes, as_json=as_json)

    return run


def _one(client: Client, verb: str, execution: str, *more: Any, as_json: bool) -> None:
    execution_id = client.find_id(execution)
    getattr(client, verb)(execution_id, *more)
    if as_json:
        print_json({"id": execution_id, "done": verb})
    else:
        print(f"{DONE[verb]}: {execution_id}")


def _filter(
    client: Client, state: str | None, flow: str | None, attr: list[str] | None, since: str | None, until: str | None
) -> Filter:
    if not (state or flow or attr or since or until):
        raise ConfigError("name an execution, or say which ones with --flow, --state, --attr, --since or --until")
    now_us = client.now_us()
    return Filter(
        state=states(state),
        flow=flow,
        attributes=pairs(attr or [], "--attr"),
        since=moment(since, "--since", now_us),
        until=moment(until, "--until", now_us),
    )


def _many(client: Client, verb: str, wanted: Filter, limit: int, *, yes: bool, as_json: bool) -> None:
    retrying = verb == "retry"
    meant = Filter(
        state=wanted.state or STATES[verb], flow=wanted.flow, attributes=wanted.attributes, since=wanted.since,
        until=wanted.until, dead_letters=retrying,
    )  # fmt: skip
    there = sum(client.count(meant).values())
    count = min(there, limit)
    if count and not yes:
        confirm(f"{verb} {executions(count)}{f' (of {there})' if there > limit else ''}?")
    act: Any = getattr(client, f"{verb}_many")
    done = 0
    if count:
        with Progress(console=console(stderr=True), transient=True) as progress:
            task = progress.add_task(verb, total=count)

            def told(so_far: int) -> None:
                progress.update(task, completed=so_far)

            done = act(meant, limit=limit, told=told)
    if as_json:
        print_json({"done": verb, "executions": done, "matched": there})
    elif not there:
        print("no executions match")
    else:
        print(f"{DONE[verb]}: {executions(done)}" + (f"; {there - done} more match" if there > done else ""))


def retry(
    session: Session,
    execution: Maybe = None,
    step: Annotated[int | None, typer.Option(metavar="SEQ", help="Only the dead letter at this number.")] = None,
    input: Annotated[str | None, typer.Option(metavar="JSON", help="With --step: other arguments for it.")] = None,
    flow: FlowFlag = None,
    attr: AttrFlag = None,
    since: SinceFlag = None,
    until: UntilFlag = None,
    limit: LimitFlag = LIMIT,
    yes: YesFlag = False,
    as_json: AsJson = False,
) -> None:
    """Give dead letters their attempts again, of one execution or of many.

    A dead letter is a step that used up its attempts and waits for you (`engine list --dead` finds them). A step that
    failed cannot be retried: its flow was told. `engine rerun` runs the flow again from there.

    engine retry 01kb7x2m

    engine retry 01kb7x2m --step 3 --input '{"amount": 12}'

    engine retry --flow fulfil --since 1d --yes
    """
    with session.client() as client:
        if execution is not None:
            if flow or attr or since or until:
                raise ConfigError("give an execution or filters, not both")
            if input is not None and step is None:
                raise ConfigError("--input gives one step other arguments: say which one with --step")
            values = None if input is None else json_value(input, "--input")
            _one(client, "retry", execution, step, values, as_json=as_json)
            return
        if step is not None or input is not None:
            raise ConfigError("--step and --input need an execution")
        wanted = _filter(client, None, flow, attr, since, until)
        _many(client, "retry", wanted, limit, yes=yes, as_json=as_json)


def rerun(
    session: Session,
    execution: Execution,
    from_step: Annotated[int, typer.Option("--from", metavar="SEQ", min=1, help="The first step to do again.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Start a new execution that keeps the results before a step, and print its id.

    The old execution stays as it is. `engine show` numbers the steps.

    engine rerun 01kb7x2m

    engine rerun 01kb7x2m --from 4
    """
    with session.client() as client:
        execution_id = client.find_id(execution)
        new_id = client.rerun(execution_id, from_step)
    if as_json:
        print_json({"id": new_id, "rerun_of": execution_id, "from": from_step})
    else:
        print(new_id)
