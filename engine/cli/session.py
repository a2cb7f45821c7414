"""What every command works with: settings, the client, and where to write."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
import typer
from rich.console import Console

from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.client import Client
    from engine.config import Settings
    from engine.config.tree import Key
    from engine.definitions.registry import Registry
    from engine.store.database import Database

JSON_TEXTS = ("input", "output", "progress")
PIPED_WIDTH = 100


class Session:
    """One run of ``engine``: the flags for the settings, and what is made from them when it is needed."""

    def __init__(self, config: str | None = None, store: str | None = None, flows: str | None = None) -> None:
        self._config = config
        self._overrides = {"store.url": store, "flows": flows}
        self._settings: Settings | None = None

    def override(self, config: str | None, store: str | None, flows: str | None) -> None:
        """Let flags that stand after the command go before those that stand in front of it."""
        self._config = config or self._config
        given = {"store.url": store, "flows": flows}
        self._overrides |= {name: value for name, value in given.items() if value is not None}

    @property
    def settings(self) -> Settings:
        """The settings of this run. Raises ConfigError."""
        if self._settings is None:
            from engine.config import load_settings

            self._settings = load_settings(self._config, self._overrides)
        return self._settings

    def origins(self) -> dict[Key, str]:
        """Where each setting was given that is not left at its default."""
        from engine.config.loading import setting_origins

        return setting_origins(self._config, self._overrides)

    def registry(self) -> Registry | None:
        """The flows that the settings name; None without any."""
        from engine.definitions.loading import load_modules

        return load_modules(self.settings.flows) if self.settings.flows else None

    @contextmanager
    def client(self, *, starting: bool = False, modules: bool = False, making: bool = False) -> Generator[Client]:
        """Give a client of the store, with its tables checked, or brought up to date where that is the setting.

        ``modules``: it knows the flows and triggers of the settings. ``making``: an SQLite store that is not there yet
        is made. ``starting``: both.
        """
        from engine.client import Client
        from engine.logs import configure_logging
        from engine.store.migrations import prepare_schema

        settings = self.settings
        # What is only worth an information is for workers; here it would come between the lines of a table.
        configure_logging("warning" if settings.logging.level == "info" else settings.logging.level, "console")
        registry = self.registry() if starting or modules else None
        with Client(settings, registry=registry) as client:
            if not (starting or making):
                _must_exist(client.database, settings)
            prepare_schema(client.database, migrates=settings.store.migrates_itself)
            yield client


def _must_exist(database: Database, settings: Settings) -> None:
    """Refuse to make an empty database of a mistyped name, only to find nothing in it."""
    name = database.url.database
    if database.dialect.name == "sqlite" and name and name != ":memory:" and not name.startswith("file:"):
        path = Path(name)
        if not path.exists():
            raise ConfigError(
                f"there is no store at {settings.store.masked_url} yet (looked for {path.resolve()}): start a worker "
                f"or an execution to make it, or name another one with --store or --config"
            )


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to whoever ends the command."""
        raise BrokenPipeError


def console(
    *, stderr: bool = False, file: IO[str] | None = None, like: Console | None = None, width: int | None = None
) -> Console:
    """Return a console for standard output, as wide as the terminal; 100 columns where there is none.

    ``file`` and ``like``: one that writes into this file with the colours of that console.
    """
    if file is not None and like is not None:
        system: Any = like.color_system
        colours = like.is_terminal and not like.no_color and system is not None
        return Console(
            file=file, width=width, highlight=False, emoji=False, force_terminal=colours, no_color=not colours,
            color_system=system if colours else None, legacy_windows=False,
        )  # fmt: skip
    made = _Console(stderr=stderr, highlight=False, emoji=False)
    return made if made.is_terminal else _Console(stderr=stderr, highlight=False, emoji=False, width=_width())


def _width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return max(int(columns), 40) if columns.isdigit() else PIPED_WIDTH


def in_ascii(stream: Any) -> bool:
    """Whether signs beyond ASCII should stay out of this stream: by its encoding, or because the locale says so.

    Python itself writes UTF-8 in the locale C; terminals that were told of that locale do not show it.
    """
    locale = os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return locale in ("C", "POSIX") or not (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def safe_streams() -> None:
    """Let signs that a stream cannot encode be written as escapes, not end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def confirm(question: str) -> None:
    """Ask on standard error, and go on only after a yes. ConfigError where nobody can answer."""
    if not sys.stdin.isatty():
        raise ConfigError(f"{question} Nobody can be asked here: add --yes to say so")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise
    if answer.strip().lower() not in ("y", "yes"):
        print("nothing was done", file=sys.stderr)
        raise typer.Exit(1)


def plain(view: msgspec.Struct) -> dict[str, Any]:
    """Return a view as JSON values; values kept as JSON text become what the text says."""
    values: dict[str, Any] = msgspec.to_builtins(view)
    for name in JSON_TEXTS:
        if isinstance(values.get(name), str):
            values[name] = json.loads(values[name])
    return values


def print_json(value: Any) -> None:
    """Write a value as JSON to standard output."""
    sys.stdout.write(json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=in_ascii(sys.stdout)) + "\n")
