"""``engine list``, ``show``, ``queues`` and ``workers``."""

# ruff: noqa: PLR0913, PLR0917 - every flag of a command is an argument of its function

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from engine.cli import pausing
from engine.cli.commands import add, add_group
from engine.cli.flags import AsJson, AttrFlag, Execution, FlowFlag, SinceFlag, StateFlag, UntilFlag
from engine.cli.parsing import moment, pairs, states
from engine.cli.session import Session, console, in_ascii, plain, print_json
from engine.cli.stepview import step_lines
from engine.cli.texts import STYLES, ago, short, span, state_text
from engine.cli.timeline import Look, draw
from engine.client.filters import Filter
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.client import Client

PANEL = "Look"
WIDE = 100
"""From this width on, lists have a column more."""
FIXED_WIDTH = 62
"""What the other columns of the list of executions take."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, list_executions, name="list", panel=PANEL)
    add(app, show, panel=PANEL)
    pausing.register(add_group(app, queues, panel=PANEL))
    add(app, workers, panel=PANEL)


def list_executions(
    session: Session,
    state: StateFlag = None,
    flow: FlowFlag = None,
    attr: AttrFlag = None,
    since: SinceFlag = None,
    until: UntilFlag = None,
    dead: Annotated[bool, typer.Option("--dead", help="With dead letters: steps that wait for a retry.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The most to list.")] = 20,
    after: Annotated[
        str | None, typer.Option("--after", metavar="ID", help="Go on after this execution, for the next page.")
    ] = None,
    count: Annotated[bool, typer.Option("--count", help="Only count them, by state.")] = False,
    as_json: AsJson = False,
) -> None:
    """List executions, the newest first.

    engine list --state failed,parked --since 2h

    engine list --flow fulfil --attr region=eu --limit 50

    engine list --count --since 1d

    engine list --json | jq -r '.[].id'
    """
    with session.client() as client:
        now_us = client.now_us()
        wanted = Filter(
            state=states(state), flow=flow, attributes=pairs(attr or [], "--attr"),
            since=moment(since, "--since", now_us), until=moment(until, "--until", now_us), dead_letters=dead,
        )  # fmt: skip
        if count:
            _counts(client.count(wanted), as_json=as_json)
            return
        found = client.find(wanted, limit=limit, after=after if after is None else client.find_id(after))
    if as_json:
        print_json([plain(one) for one in found])
        return
    out = console()
    if not found:
        out.print("no executions match", style="dim")
        return
    # Ids are there to be copied: rather let a narrow terminal fold the lines than cut them.
    out.width = max(out.width, FIXED_WIDTH + 10)
    wide, signs = out.width >= WIDE, in_ascii(sys.stdout)
    # The id, the state and the times have their widths; the rest is for the flow's name and what it is about.
    names = [one.flow if one.version == 1 else f"{one.flow} v{one.version}" for one in found]
    name_width = min(max(map(len, names)), 24 if wide else max(out.width - FIXED_WIDTH, 10))
    about_width = max(out.width - FIXED_WIDTH - name_width - 2, 8)
    table = _table("id", "flow", "state", "created", "took", *(["about"] if wide else []))
    for one, name in zip(found, names, strict=True):
        took = Text(span((one.finished_us or now_us) - one.created_us), style="" if one.finished_us else "dim")
        words = " ".join(f"{name}={value}" for name, value in sorted(one.attributes.items()))
        about = f"{one.error.type}: {one.error.message}" if one.error is not None else words
        row: list[Any] = [
            Text(one.id, style="cyan"),
            Text(short(name, name_width, ascii_only=signs)),
            state_text(one.state, ascii_only=signs),
            ago(one.created_us, now_us),
            took,
        ]
        table.add_row(*row, *([Text(short(about, about_width, ascii_only=signs), style="dim")] if wide else []))
    out.print(table)
    if len(found) == limit:
        out.print(f"for more: --after {found[-1].id}", style="dim")


def _counts(found: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    out = console()
    if not found:
        out.print("no executions match", style="dim")
        return
    table = _table("state", "executions")
    for state, number in found.items():
        table.add_row(state_text(state, ascii_only=in_ascii(sys.stdout)), f"{number:,}")
    out.print(table)


def show(
    session: Session,
    execution: Execution,
    step: Annotated[
        int | None, typer.Option("--step", metavar="SEQ", help="All of one step: what it was given, and gave.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every step, however many there are.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an execution and its steps over time: what ran, what waits and for what, what failed.

    Of a long history, steps that are alike and come together share a line, and the middle is left out.

    engine show 01kb7x2m

    engine show 01kb7x2m --step 4

    engine show 01kb7x2m --json | jq '.steps[] | select(.state == "failed")'
    """
    with session.client() as client:
        execution_id = client.find_id(execution)
        if step is not None:
            _one_step(client, execution_id, step, as_json=as_json)
            return
        found, now_us = client.get(execution_id), client.now_us()
        steps = client.history(execution_id, values=as_json)
    if as_json:
        print_json({**plain(found), "steps": [plain(one) for one in steps]})
        return
    out = console()
    look = Look(width=out.width, now_us=now_us, ascii_only=in_ascii(sys.stdout), everything=everything)
    for line in draw(found, steps, look):
        out.print(line, no_wrap=True, overflow="ignore", crop=False)


def _one_step(client: Client, execution_id: str, seq: int, *, as_json: bool) -> None:
    found = [one for one in client.history(execution_id, after=seq - 1, limit=1) if one.seq == seq]
    if not found:
        raise ConfigError(f"execution {execution_id} has no step {seq}: engine show {execution_id} lists its steps")
    if as_json:
        print_json(plain(found[0]))
        return
    out = console()
    for line in step_lines(found[0], client.now_us(), ascii_only=in_ascii(sys.stdout)):
        out.print(line, soft_wrap=True)


def queues(session: Session, as_json: AsJson = False) -> None:
    """Show how much work is on every queue that has any, and which are paused.

    engine queues

    engine queues pause gpu --reason "new drivers"
    """
    with session.client() as client:
        found, now_us = client.queues(), client.now_us()
        served = {name for worker in client.workers() for name in worker.queues}
    if as_json:
        print_json([plain(one) for one in found])
        return
    out = console()
    if not found:
        out.print("all queues are empty", style="dim")
        return
    table = _table("queue", "ready", "oldest", "running", "waiting", "dead", "paused")
    for one in found:
        oldest = span(one.oldest_us) if one.ready else ""
        dead = Text(str(one.dead), style="bold red" if one.dead else "dim")
        name = Text(short(one.name, max(out.width - 64, 12), ascii_only=in_ascii(sys.stdout)), style="cyan")
        paused = "" if one.paused_us is None else ago(one.paused_us, now_us)
        table.add_row(name, str(one.ready), oldest, str(one.claimed), str(one.waiting), dead, paused)
    out.print(table)
    for one in found:
        if one.reason is not None:
            out.print(Text(f"{one.name} is paused: {one.reason}", style="yellow"))
    idle = sorted(one.name for one in found if one.ready and one.name not in served)
    if idle:
        out.print(Text(f"no worker that is alive serves: {short(', '.join(idle), out.width - 35)}", style="yellow"))
    if any(one.dead for one in found):
        out.print("dead letters wait for `engine retry`; `engine list --dead` finds them", style="dim")


def workers(session: Session, as_json: AsJson = False) -> None:
    """Show the workers that are alive.

    engine workers
    """
    with session.client() as client:
        found, now_us = client.workers(), client.now_us()
    if as_json:
        print_json([plain(one) for one in found])
        return
    out = console()
    if not found:
        out.print("no worker is alive; start one with `engine-worker`", style="dim")
        return
    wide, signs = out.width >= WIDE, in_ascii(sys.stdout)
    table = _table("id", "worker", "runs", "up for", "lease", "queues")
    for one in found:
        left = one.expires_us - now_us
        lease = Text(span(left)) if left > 0 else Text("ran out", style="red")
        table.add_row(
            str(one.id), Text(short(one.name, 40 if wide else 28, ascii_only=signs), style=STYLES[one.state]),
            str(one.claimed), span(now_us - one.started_us), lease,
            Text(short(" ".join(one.queues), max(out.width - (76 if wide else 64), 12), ascii_only=signs)),
        )  # fmt: skip
    out.print(table)


_RIGHT = ("took", "executions", "ready", "oldest", "running", "waiting", "dead", "paused", "runs", "up for", "lease")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, justify="right" if name in _RIGHT else "left", no_wrap=True, overflow="crop")
    return table
