"""What every command works with: settings, the client, and where to write."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console

from engine.config import Settings, load_settings

if TYPE_CHECKING:
    from engine.client import Client
    from engine.definitions.registry import Registry

JSON_TEXTS = ("input", "output", "progress")


class Session:
    """One run of ``engine``: flags given before the command, and what is made from them when it is needed."""

    def __init__(self, config: str | None = None, store: str | None = None, flows: str | None = None) -> None:
        self._config = config
        self._overrides = {"store.url": store, "flows": flows}
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The settings of this run. Raises ConfigError."""
        if self._settings is None:
            self._settings = load_settings(self._config, self._overrides)
        return self._settings

    def registry(self) -> Registry | None:
        """The flows that the settings name; None without any."""
        from engine.definitions.loading import load_modules

        return load_modules(self.settings.flows) if self.settings.flows else None

    @contextmanager
    def client(self, *, with_flows: bool = False) -> Generator[Client]:
        """Give a client of the store, with its tables checked, or made where that is the setting."""
        from engine.client import Client
        from engine.store.migrations import prepare_schema

        registry = self.registry() if with_flows else None
        with Client(self.settings, registry=registry) as client:
            try:
                prepare_schema(client.database, self.settings.store.auto_migrate)
                yield client
            finally:
                client.database.close()


def console(*, stderr: bool = False) -> Console:
    """Return a console for standard output, as wide as the terminal; 100 columns where there is none."""
    made = Console(stderr=stderr, highlight=False, emoji=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, emoji=False, width=_width())


def _width() -> int:
    import os

    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdigit() else 100


def plain(view: msgspec.Struct) -> dict[str, Any]:
    """Return a view as JSON values; values kept as JSON text become what the text says."""
    values: dict[str, Any] = msgspec.to_builtins(view)
    for name in JSON_TEXTS:
        if isinstance(values.get(name), str):
            values[name] = msgspec.json.decode(values[name])
    return values


def print_json(value: Any) -> None:
    """Write a value as JSON to standard output."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    sys.stdout.write(text + "\n")
