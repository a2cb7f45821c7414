"""The desk where the policy is kept: ``engine rules``, called as somebody would at a terminal."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from engine.cli.main import app
from flows.delays.site import Site
from flows.demo.trouble import DemoFailed


class Desk:
    """Calls commands with the settings of a site, and shows what is called."""

    def __init__(self, site: Site, console: Console) -> None:
        self._site = site
        self._console = console

    def rules(self, *words: str | Path | int, code: int = 0) -> None:
        """Call ``engine rules`` with these words. Raises :class:`DemoFailed` if it ends with another code."""
        typed = [f'"{word}"' if " " in (word := _short(one)) else word for one in words]
        self._console.print()
        self._console.print(Text(f"$ engine rules {' '.join(typed)}", style="cyan"), soft_wrap=True)
        settings = ["--config", str(self._site.configuration), "--store", self._site.store_url]
        try:
            with _without_other_settings():
                app([*settings, "rules", *map(str, words)], prog_name="engine")
        except SystemExit as ended:
            if (ended.code or 0) != code:
                raise DemoFailed(f"`engine rules {words[0]}` ended with code {ended.code}") from None


def _short(word: str | Path | int) -> str:
    return word.name if isinstance(word, Path) else str(word)


@contextmanager
def _without_other_settings() -> Generator[None]:
    """Take settings for another engine out of the environment meanwhile."""
    others = {name: value for name, value in os.environ.items() if name.startswith("ENGINE_")}
    for name in others:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(others)
