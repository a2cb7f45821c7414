"""Arguments and flags that several commands about rules take, and what becomes of them."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

if TYPE_CHECKING:
    from engine.model.rulebook import RuleVersion

Name = Annotated[str, typer.Argument(metavar="NAME", help="The rules, as the list shows them.")]
Version = Annotated[
    str | None, typer.Option("--version", metavar="VERSION", help="Its number, a tag, or latest; else the active one.")
]
Latest = Annotated[
    str | None, typer.Option("--version", metavar="VERSION", help="Its number, or a tag; else the latest.")
]
Share = Annotated[
    str, typer.Option("--share", metavar="PERCENT", help="For this share of executions, by their key: 10%, or 0.5%.")
]
Author = Annotated[str | None, typer.Option("--author", metavar="NAME", help="Who does it; else the user.")]
Comment = Annotated[str | None, typer.Option("--comment", metavar="TEXT", help="Why, for those who look.")]


def plain(version: RuleVersion) -> dict[str, Any]:
    """Return what is known of a version as JSON values, without its content."""
    values: dict[str, Any] = msgspec.to_builtins(version)
    values.pop("content")
    return values


def version_of(text: str | None) -> int | str | None:
    """Return how a version is named: by its number, or as it was typed."""
    return int(text) if text is not None and text.isdigit() else text


def user() -> str | None:
    """Return the name of whoever runs the command, if it has one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None
