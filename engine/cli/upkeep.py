"""``engine migrate``, ``prune``, ``config`` and ``new``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.progress import Progress
from rich.table import Table

from engine.cli.commands import add
from engine.cli.flags import AsJson
from engine.cli.session import Session, confirm, console, print_json
from engine.cli.starter import CONFIG_FILE, FLOW_FILE, config_text, flow_text
from engine.cli.texts import executions
from engine.errors import ConfigError
from engine.model.durations import parse_duration

PANEL = "Set up and clean"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for function in (migrate, prune, config, new):
        add(app, function, panel=PANEL)


def migrate(session: Session, as_json: AsJson = False) -> None:
    """Bring the store's tables up to date.

    It is safe to run again, and by several at once.

    engine migrate

    engine migrate --store postgresql://user:password@host/database
    """
    from engine.store import migrations
    from engine.store.database import Database
    from engine.store.migrations.revisions import revision_of

    settings = session.settings.store
    database = Database(settings.url.reveal(), **settings.pool_options)
    try:
        migrations.migrate(database)
        revision = revision_of(database)
    finally:
        database.close()
    if as_json:
        print_json({"store": settings.masked_url, "revision": revision})
    else:
        print(f"the tables on {settings.masked_url} are up to date (revision {revision})")


def prune(
    session: Session,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="TIME", help="What finished longer ago than this, as in 30d.")
    ],
    limit: Annotated[int, typer.Option("--limit", min=1, help="The most executions to delete.")] = 100_000,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete executions that finished long ago, with their steps, in small transactions.

    engine prune --older-than 30d --yes
    """
    parse_duration(older_than)
    with session.client() as client:
        if not yes:
            confirm(f"delete what finished more than {older_than} ago?")
        with Progress(console=console(stderr=True), transient=True) as progress:
            task = progress.add_task("pruning", total=None)
            count = client.prune(
                older_than,
                limit=limit,
                told=lambda so_far: progress.update(task, completed=so_far, description=f"pruned {so_far}"),
            )
    if as_json:
        print_json({"deleted": count})
    else:
        print(f"deleted: {executions(count)}")


def config(session: Session, as_json: AsJson = False) -> None:
    """Show the settings in force, and where each was given; passwords are hidden.

    engine config

    engine config --json | jq .store
    """
    from engine.config.tree import values_of

    values = {key: _shown(value) for key, value in values_of(session.settings).items()}
    if as_json:
        nested: dict[str, Any] = {}
        for key, value in values.items():
            table = nested
            for part in key[:-1]:
                table = table.setdefault(part, {})
            table[key[-1]] = value
        print_json(nested)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("setting", style="cyan", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", style="dim", no_wrap=True)
    origins = session.origins()
    for key, value in values.items():
        table.add_row(".".join(key), msgspec.json.encode(value).decode(), origins.get(key, "default"))
    console().print(table)


def _shown(value: Any) -> Any:
    from engine.config import Url

    if isinstance(value, Url):
        return value.masked
    if isinstance(value, tuple):
        return list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, bool) or type(value) is int:
        return value
    return str(value)


def new(
    _session: Session,
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
    go = "" if directory == Path() else f"cd {shlex.quote(str(directory))}\n  "
    print(f"now run\n  {go}engine-worker &\n  engine start hello --arg name=Ann --wait")
