"""``engine``: start flows, look at executions, and steer them."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli import looking, starting, steering, upkeep
from engine.cli.exits import EPILOG, Commands
from engine.cli.session import Session

HELP = """Start flows, look at executions, and steer them.

    engine new
    engine start hello --arg name=Ann --wait
    engine list --state failed --since 2h
    engine show 01kb7x2m

Settings come from engine.toml, ENGINE_ variables and the flags below; `engine config` shows them. An execution is named
by
its id, or by the first 6 or more characters of it. Errors are one line on standard error."""

app = typer.Typer(
    name="engine",
    cls=Commands,
    help=HELP.replace("\n    engine", "\n\n    engine"),
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def begin(
    ctx: typer.Context,
    config: Annotated[str | None, typer.Option(help="The configuration file, engine.toml by default.")] = None,
    store: Annotated[str | None, typer.Option(help="The URL of the store, as in sqlite:///milepost.db.")] = None,
    flows: Annotated[str | None, typer.Option(help="Modules with flows, separated by commas.")] = None,
) -> None:
    """Read the flags that go before the command."""
    ctx.obj = Session(config, store, flows)


for _commands in (starting, looking, steering, upkeep):
    _commands.register(app)


def main() -> None:
    """Run ``engine``."""
    app(prog_name="engine")


if __name__ == "__main__":
    main()
