"""Arguments and flags that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Execution = Annotated[str, typer.Argument(metavar="EXECUTION", help="The execution's id, or its first characters.")]
Maybe = Annotated[str | None, typer.Argument(metavar="EXECUTION", help="The execution; leave it out for many.")]
StateFlag = Annotated[
    str | None, typer.Option("--state", metavar="STATE", help="In this state; several are separated by commas.")
]
FlowFlag = Annotated[str | None, typer.Option("--flow", metavar="NAME", help="Of this flow.")]
AttrFlag = Annotated[list[str] | None, typer.Option("--attr", metavar="NAME=VALUE", help="With this attribute.")]
SinceFlag = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Created since then: 2h ago, or 2026-05-01T12:00.")
]
UntilFlag = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Created before: 2h ago, or 2026-05-01T12:00.")
]
LimitFlag = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="The most executions to touch.")]
YesFlag = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
