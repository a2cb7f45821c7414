"""The shape that all commands of ``engine`` have: the same flags for the settings, and the same way to end."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from engine.cli.exits import ended, usage_error
from engine.cli.helping import SETTINGS, help_text
from engine.cli.session import Session

Config = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE", help="The settings, engine.toml by default.", rich_help_panel=SETTINGS),
]
Store = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="The store, as in sqlite:///milepost.db.", rich_help_panel=SETTINGS),
]
Flows = Annotated[
    str | None,
    typer.Option("--flows", metavar="NAMES", help="Modules with flows, comma-separated.", rich_help_panel=SETTINGS),
]


class Command(TyperCommand):
    """One command, with help of the house's own form."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the flags; an error about one of them knows whose it is, so that the right help is named."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if hasattr(error, "format_message") and getattr(error, "ctx", None) is None:
                vars(error)["ctx"] = ctx
            raise

    def get_help(self, ctx: Any) -> str:
        """Return the help."""
        return help_text(self, ctx)

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *rest: Any, **extra: Any) -> Any:
        """Run it, where it is a program of its own."""
        return _run(super().main, sys.argv[1:] if args is None else args, prog_name or self.name or "", extra)


class Commands(TyperGroup):
    """The commands of ``engine``, which end with one line and a code instead of a traceback."""

    def get_help(self, ctx: Any) -> str:
        """Return the help."""
        return help_text(self, ctx)

    def make_context(self, *given: Any, **more: Any) -> Any:
        """Read the flags before the command; this prints the help, too."""
        with ended("engine"):
            return super().make_context(*given, **more)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with ended("engine"):
            return super().invoke(ctx)

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *rest: Any, **extra: Any) -> Any:
        """Run the command that is named; without any, show what there is."""
        given = sys.argv[1:] if args is None else args
        return _run(super().main, given or ["--help"], prog_name or "engine", extra)


def _run(run: Callable[..., Any], args: Sequence[str], program: str, extra: dict[str, Any]) -> Any:
    """Run Typer's own main function; what was typed wrong becomes one line instead of a box."""
    try:
        code = run(list(args), program, **{**extra, "standalone_mode": False})
    except Exception as error:
        code = usage_error(program, error)
        if code is None:
            raise
    sys.exit(code)


def begin(ctx: typer.Context, config: Config = None, store: Store = None, flows: Flows = None) -> None:
    """Read the flags that go before the command."""
    ctx.obj = Session(config, store, flows)


_SHARED: Final = list(inspect.signature(begin, eval_str=True).parameters.values())


def add(
    app: typer.Typer, function: Callable[..., None], *, name: str | None = None, text: str | None = None,
    panel: str | None = None,
) -> None:  # fmt: skip
    """Make a function of a session and flags a command, which also takes the flags for the settings."""
    app.command(name or function.__name__, cls=Command, help=text, rich_help_panel=panel)(_command(function))


def add_group(app: typer.Typer, function: Callable[..., None], *, panel: str | None = None) -> typer.Typer:
    """Make a function a command that also has commands of its own, which are added to what is returned."""
    group = typer.Typer(name=function.__name__, cls=Commands, invoke_without_command=True, rich_markup_mode=None)
    group.callback()(_command(function))
    app.add_typer(group, rich_help_panel=panel)
    return group


def _command(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function as Typer takes it, with the flags for the settings."""
    context, *shared = _SHARED
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

    @functools.wraps(function)
    def run(ctx: typer.Context, *, config: str | None, store: str | None, flows: str | None, **given: Any) -> None:
        session: Session = ctx.obj
        session.override(config, store, flows)
        # A group that is also a command does nothing itself where one of its commands is called.
        if ctx.invoked_subcommand is None:
            function(session, **given)

    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (context, *own, *shared)]
    made: Any = run
    made.__signature__ = inspect.Signature(parameters)
    made.__annotations__ = {one.name: one.annotation for one in parameters}
    return made
