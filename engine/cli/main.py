"""``engine``: start flows, look at executions, and steer them."""

from __future__ import annotations

import typer

from engine.cli import doctor, looking, messages, starting, steering, upkeep
from engine.cli.commands import Commands, begin
from engine.cli.rules import group as rules
from engine.cli.session import safe_streams

HELP = """Start flows, look at executions, and steer them.

An execution is named by its id, or by the first 6 or more characters of it. Settings come from engine.toml, ENGINE_
variables and flags; `engine config` shows them. `engine COMMAND --help` tells more of a command.

engine new

engine start hello --arg name=Ann --wait

engine list --state failed --since 2h

engine show 01kb7x2m
"""

app = typer.Typer(
    name="engine",
    cls=Commands,
    help=HELP,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(begin)
for _commands in (starting, looking, steering, messages, rules, upkeep, doctor):
    _commands.register(app)


def main() -> None:
    """Run ``engine``."""
    safe_streams()
    app(prog_name="engine")


if __name__ == "__main__":
    main()
