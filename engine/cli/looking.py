"""``engine list``, ``show``, ``queues`` and ``workers``."""

# ruff: noqa: PLR0917 - every flag of a command is an argument of its function

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from engine.cli.exits import EPILOG
from engine.cli.parsing import moment, pairs
from engine.cli.session import Session, console, plain, print_json
from engine.cli.texts import ago, short, span, stamp, state_text
from engine.cli.timeline import draw
from engine.client.filters import Filter

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("list", epilog=EPILOG)(list_executions)
    app.command("show", epilog=EPILOG)(show)
    app.command("queues", epilog=EPILOG)(queues)
    app.command("workers", epilog=EPILOG)(workers)


def list_executions(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option(help="running, paused, parked, completed, failed, cancelled.")] = None,
    flow: Annotated[str | None, typer.Option(help="The name of the flow.")] = None,
    attr: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="An attribute.")] = None,
    since: Annotated[str | None, typer.Option(help="Created since: 2h ago, or a time.")] = None,
    until: Annotated[str | None, typer.Option(help="Created before: 2h ago, or a time.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The most to list.")] = 20,
    after: Annotated[str | None, typer.Option(metavar="ID", help="Go on after this id, for the next page.")] = None,
    as_json: AsJson = False,
) -> None:
    """List executions, the newest first.

    engine list --state failed --since 2h

    engine list --flow fulfil --attr region=eu --limit 50

    engine list --json | jq -r '.[].id'
    """
    session: Session = ctx.obj
    with session.client() as client:
        now_us = client.now_us()
        wanted = Filter(
            state=state, flow=flow, attributes=pairs(attr or [], "--attr"),
            since=moment(since, "--since", now_us), until=moment(until, "--until", now_us),
        )  # fmt: skip
        found = client.find(wanted, limit=limit, after=after if after is None else client.find_id(after))
    if as_json:
        print_json([plain(one) for one in found])
        return
    out = console()
    if not found:
        out.print("[dim]no executions match[/dim]")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("id", style="cyan", no_wrap=True)
    table.add_column("flow", overflow="ellipsis", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("created", no_wrap=True)
    table.add_column("took", justify="right", no_wrap=True)
    if out.width >= 100:
        table.add_column("about", overflow="ellipsis", no_wrap=True)
    signs = not (out.encoding or "").lower().startswith("utf")
    for one in found:
        took = Text(span((one.finished_us or now_us) - one.created_us), style="" if one.finished_us else "dim")
        words = " ".join(f"{name}={value}" for name, value in sorted(one.attributes.items()))
        about = f"{one.error.type}: {one.error.message}" if one.error is not None else words
        row = [
            one.id,
            f"{one.flow} v{one.version}",
            state_text(one.state, ascii_only=signs),
            ago(one.created_us, now_us),
            took,
        ]
        table.add_row(*row, *([Text(short(about, 60), style="dim")] if out.width >= 100 else []))
    out.print(table)
    if len(found) == limit:
        out.print(f"[dim]for more: --after {found[-1].id}[/dim]")


def show(
    ctx: typer.Context,
    execution: Annotated[str, typer.Argument(help="The execution's id, or its first characters.")],
    as_json: AsJson = False,
) -> None:
    """Show an execution and its steps over time: what ran, what waits and for what, what failed.

    engine show 01kb7x2m

    engine show 01kb7x2m --json | jq '.steps[] | select(.state == "failed")'
    """
    session: Session = ctx.obj
    with session.client() as client:
        execution_id = client.find_id(execution)
        found, steps, now_us = client.get(execution_id), client.history(execution_id), client.now_us()
    if as_json:
        print_json({**plain(found), "steps": [plain(step) for step in steps]})
        return
    out = console()
    ascii_only = not (out.encoding or "").lower().startswith("utf")
    for line in draw(found, steps, now_us, out.width, ascii_only=ascii_only):
        out.print(line, no_wrap=True, overflow="ignore", crop=False)


def queues(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show how much work is on every queue that has any.

    engine queues
    """
    session: Session = ctx.obj
    with session.client() as client:
        found = client.queues()
    if as_json:
        print_json([plain(one) for one in found])
        return
    if not found:
        console().print("[dim]all queues are empty[/dim]")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("queue", style="cyan")
    for name in ("ready", "oldest", "running", "waiting", "dead"):
        table.add_column(name, justify="right")
    for one in found:
        oldest = span(one.oldest_us) if one.ready else ""
        dead = Text(str(one.dead), style="bold red" if one.dead else "dim")
        table.add_row(one.name, str(one.ready), oldest, str(one.claimed), str(one.waiting), dead)
    console().print(table)


def workers(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show the workers that are alive.

    engine workers
    """
    session: Session = ctx.obj
    with session.client() as client:
        found, now_us = client.workers(), client.now_us()
    if as_json:
        print_json([plain(one) for one in found])
        return
    if not found:
        console().print("[dim]no worker is alive; start one with `engine-worker`[/dim]")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("id", "worker", "queues", "state", "runs", "started (UTC)", "lease"):
        table.add_column(name, justify="right" if name in ("id", "runs") else "left", no_wrap=name != "queues")
    for one in found:
        left = one.expires_us - now_us
        lease = Text(span(left)) if left > 0 else Text("ran out", style="red")
        table.add_row(
            str(one.id), Text(one.name, style="cyan"), " ".join(one.queues), Text(one.state, style="green"),
            str(one.claimed), stamp(one.started_us), lease,
        )  # fmt: skip
    console().print(table)
