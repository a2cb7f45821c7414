"""``engine migrate``, ``prune``, ``config`` and ``new``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.progress import Progress
from rich.table import Table

from engine.cli.exits import EPILOG
from engine.cli.session import Session, console, print_json
from engine.cli.starter import CONFIG_FILE, FLOW_FILE, config_text, flow_text
from engine.config import Url
from engine.config.tree import FIELDS
from engine.errors import ConfigError
from engine.store.database import Database


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("migrate", epilog=EPILOG)(migrate)
    app.command("prune", epilog=EPILOG)(prune)
    app.command("config", epilog=EPILOG)(config)
    app.command("new", epilog=EPILOG)(new)


def migrate(ctx: typer.Context) -> None:
    """Bring the store's tables up to date; safe to run again, and by several at once.

    engine migrate

    engine --store postgresql://user:password@host/database migrate
    """
    from engine.store import migrations

    session: Session = ctx.obj
    database = Database(session.settings.store.url.reveal(), **session.settings.store.pool_options)
    try:
        migrations.migrate(database)
    finally:
        database.close()
    print(f"the tables on {session.settings.store.masked_url} are up to date")


def prune(
    ctx: typer.Context,
    older_than: Annotated[str, typer.Option(help="Those that finished longer ago than this, as in 30d.")],
    limit: Annotated[int, typer.Option(min=1, help="The most executions to delete.")] = 100_000,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete finished executions, with their steps, in small transactions.

    engine prune --older-than 30d --yes
    """
    session: Session = ctx.obj
    with session.client() as client:
        if not yes:
            typer.confirm(f"delete what finished more than {older_than} ago?", abort=True, err=True)
        with Progress(console=console(stderr=True), transient=True) as progress:
            task = progress.add_task("pruning", total=None)
            count = client.prune(
                older_than,
                limit=limit,
                told=lambda so_far: progress.update(task, completed=so_far, description=f"pruned {so_far}"),
            )
    print(f"deleted: {count} executions")


def config(ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the settings in force; passwords are hidden.

    engine config

    engine config --json | jq .store
    """
    session: Session = ctx.obj
    values = {key: _value(session.settings, key) for key in FIELDS}
    if as_json:
        nested: dict[str, Any] = {}
        for key, value in values.items():
            table = nested
            for part in key[:-1]:
                table = table.setdefault(part, {})
            table[key[-1]] = value
        print_json(nested)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in values.items():
        table.add_row(".".join(key), msgspec.json.encode(value).decode())
    console().print(table)


def _value(settings: Any, key: tuple[str, ...]) -> Any:
    for name in key:
        settings = getattr(settings, name)
    if isinstance(settings, Url):
        return settings.masked
    if isinstance(settings, tuple):
        return list(settings)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(settings, bool) or type(settings) is int:
        return settings
    return str(settings)


def new(
    directory: Annotated[Path, typer.Argument(help="Where to write; made if it is missing.")] = Path(),
) -> None:
    """Write a first flow and an engine.toml that run at once.

    engine new

    engine new my_project
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = {directory / FLOW_FILE: flow_text(), directory / CONFIG_FILE: config_text()}
    for path in files:
        if path.exists():
            raise ConfigError(f"{path} exists already; nothing was written: choose another directory")
    for path, text in files.items():
        path.write_text(text)
        print(f"wrote {path}")
    go = "" if directory == Path() else f"cd {directory}\n  "
    print(f"now run\n  {go}engine-worker &\n  engine start hello --arg name=Ann --wait")
