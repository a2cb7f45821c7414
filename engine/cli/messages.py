"""``engine messages list``, ``show``, ``replay`` and ``drop``: messages of other programs that could not be used."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from engine.cli.commands import Commands, add
from engine.cli.exits import say
from engine.cli.flags import AsJson, YesFlag
from engine.cli.session import Session, confirm, console, in_ascii, print_json
from engine.cli.texts import ago, clean, short, stamp
from engine.errors import ConfigError, MessageNotFound, MessageRefused, UnknownDefinition

if TYPE_CHECKING:
    from engine.client import Client
    from engine.model.messages import DeadMessage

PANEL = "Steer"
HEX_COLUMNS = 16
NAME_WIDTH = 24
HELP = """Look at messages of other programs that could not be used, replay them, or drop them.

A trigger (@on_message) keeps what it cannot read, what its filter or rules refuse, what rules say that cannot be done,
and signals that no execution can get.

engine messages list

engine messages replay 17
"""

Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="The message's number, as the list shows it.")]
Numbers = Annotated[
    list[int] | None, typer.Argument(metavar="NUMBER", min=1, help="The messages; leave them out for many.")
]
TriggerFlag = Annotated[str | None, typer.Option("--trigger", metavar="NAME", help="Of this trigger.")]
AllFlag = Annotated[bool, typer.Option("--all", help="All of them, or all of --trigger.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(name="messages", cls=Commands, help=HELP, rich_markup_mode=None)
    add(group, list_messages, name="list")
    for function in (show, replay, drop):
        add(group, function)
    app.add_typer(group, rich_help_panel=PANEL)


def list_messages(
    session: Session,
    trigger: TriggerFlag = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The most to list.")] = 20,
    before: Annotated[
        int | None, typer.Option("--before", metavar="NUMBER", help="Go on before this message, for the next page.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List dead messages, the newest first.

    engine messages list

    engine messages list --trigger orders --limit 100 --json
    """
    with session.client() as client:
        found, now_us = client.dead_messages(trigger, limit=limit, before=before), client.now_us()
        more = bool(found) and bool(client.dead_messages(trigger, limit=1, before=found[-1].id))
    if as_json:
        print_json([_plain(one) for one in found])
        return
    out = console()
    if not found:
        out.print("no dead messages", style="dim")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    titles = ("number", "came", "trigger", "id")
    for title in (*titles, "reason"):
        table.add_column(title, no_wrap=True)
    signs = in_ascii(sys.stdout)
    rows = [
        (
            str(one.id),
            ago(one.received_us, now_us),
            short(one.message.trigger, NAME_WIDTH, ascii_only=signs),
            short(one.message.info.id, NAME_WIDTH, ascii_only=signs),
        )
        for one in found
    ]
    taken = sum(max(map(cell_len, column)) + 2 for column in zip(titles, *rows, strict=True))
    for one, row in zip(found, rows, strict=True):
        table.add_row(*map(Text, row), Text(short(one.reason, max(out.width - taken, 20), ascii_only=signs)))
    out.print(table)
    if more:
        out.print(f"there are more: --before {found[-1].id}", style="dim")


def show(session: Session, number: Number, as_json: AsJson = False) -> None:
    """Show one dead message: why it could not be used, its headers and its body.

    A body that is no text is shown in hexadecimal digits; in JSON, `body` is a text, or `body_base64` is given.

    engine messages show 17

    engine messages show 17 --json | jq -r .body
    """
    with session.client() as client:
        found = client.dead_message(number)
    if as_json:
        print_json(_plain(found))
        return
    out = console()
    message = found.message
    lines = {
        "message": str(found.id), "reason": found.reason, "trigger": message.trigger, "from": message.source,
        "recorded": f"{stamp(found.received_us)} UTC", "id": message.info.id, "key": message.info.key,
    }  # fmt: skip
    lines |= {f"header {name}": value for name, value in message.info.headers.items()}
    width = max(map(len, lines)) + 2
    for label, value in lines.items():
        if value is not None:
            line = Text(f"{clean(label):<{width}}", style="dim").append(clean(value), style="not dim")
            out.print(line, soft_wrap=True)
    out.print(f"body, {len(message.body)} bytes", style="dim")
    out.print(Text(_readable(message.body)), soft_wrap=True)


def replay(
    session: Session,
    numbers: Numbers = None,
    trigger: TriggerFlag = None,
    everything: AllFlag = False,
    yes: YesFlag = False,
    as_json: AsJson = False,
) -> None:
    """Give dead messages to their triggers again, as their code is now, and as the rules that they ask are now.

    The settings name the modules of the triggers (`flows`). What still cannot be used stays where it is; the reason is
    on standard error, and the exit code is 1.

    engine messages replay 17 18

    engine messages replay --trigger orders --all --yes
    """
    refused = 0
    done: dict[int, list[str]] = {}

    def act(client: Client, number: int) -> None:
        nonlocal refused
        try:
            done[number] = client.replay_message(number)
        except (MessageRefused, UnknownDefinition) as error:
            refused += 1
            say("engine", str(error))

    with session.client(modules=True) as client:
        _each(client, "replay", act, numbers, trigger, everything=everything, yes=yes)
    if as_json:
        print_json({"done": "replay", "refused": refused, "executions": {str(one): done[one] for one in done}})
    else:
        for number, executions in done.items():
            print(f"replayed: {number} to {', '.join(executions) or 'no execution, as the rules say'}")
        if not done and not refused:
            print("no dead messages match")
    if refused:
        raise typer.Exit(1)


def drop(
    session: Session,
    numbers: Numbers = None,
    trigger: TriggerFlag = None,
    everything: AllFlag = False,
    yes: YesFlag = False,
    as_json: AsJson = False,
) -> None:
    """Delete dead messages for good.

    engine messages drop 17

    engine messages drop --trigger orders --all --yes
    """
    done: list[int] = []

    def act(client: Client, number: int) -> None:
        client.drop_message(number)
        done.append(number)

    with session.client() as client:
        _each(client, "drop", act, numbers, trigger, everything=everything, yes=yes)
    if as_json:
        print_json({"done": "drop", "messages": done})
    else:
        print(f"dropped: {_messages(len(done))}" if done else "no dead messages match")


def _each(
    client: Client, verb: str, act: Callable[[Client, int], None], numbers: Sequence[int] | None, trigger: str | None,
    *, everything: bool, yes: bool,
) -> None:  # fmt: skip
    """Do it to the messages that are named, or to all of a trigger after a question."""
    if numbers:
        if everything or trigger is not None:
            raise ConfigError("give numbers or --all, not both")
        for number in numbers:
            act(client, number)
        return
    if not everything:
        raise ConfigError("name messages by their numbers, or say --all, with --trigger for those of one")
    there = client.count_dead_messages(trigger)
    if there and not yes:
        confirm(f"{verb} {_messages(there)}?")
    with Progress(console=console(stderr=True), transient=True) as progress:
        task = progress.add_task(verb, total=there)
        for number in _numbers(client, trigger):
            try:
                act(client, number)
            except MessageNotFound:
                # Somebody else was quicker.
                continue
            finally:
                progress.advance(task)


def _numbers(client: Client, trigger: str | None) -> Generator[int]:
    before: int | None = None
    while page := client.dead_messages(trigger, before=before):
        before = page[-1].id
        yield from [one.id for one in page]


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


def _plain(found: DeadMessage) -> dict[str, Any]:
    message = found.message
    text = _text(message.body)
    body = {"body_base64": base64.b64encode(message.body).decode()} if text is None else {"body": text}
    return {
        "number": found.id, "trigger": message.trigger, "reason": found.reason, "source": message.source,
        "received_us": found.received_us, "id": message.info.id, "key": message.info.key,
        "headers": message.info.headers, **body,
    }  # fmt: skip


def _text(body: bytes) -> str | None:
    """Return a body as text; None if it is none that can be shown."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if all(sign.isprintable() or sign in "\n\r\t" for sign in text) else None


def _readable(body: bytes) -> str:
    text = _text(body)
    if text is not None:
        return text
    rows = [body[at : at + HEX_COLUMNS] for at in range(0, len(body), HEX_COLUMNS)]
    return "\n".join(f"{at * HEX_COLUMNS:08x}  {row.hex(' ')}" for at, row in enumerate(rows))
