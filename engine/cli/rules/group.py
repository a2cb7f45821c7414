"""``engine rules``: versions of rules brought in, looked at, tried, compared, activated, taken back and explained."""

from __future__ import annotations

import typer

from engine.cli.commands import Commands
from engine.cli.rules import backtesting, comparing, deciding, requiring, scenarios, trying, versions

PANEL = "Rules"
HELP = """Bring versions of rules in, look at them, and say which one decides.

Rules are read from .csv, .xlsx, .dmn, .json and .jdm.json files.

engine rules import credit.xlsx --comment "new limits"

engine rules activate credit

engine rules rollback credit
"""


def register(app: typer.Typer) -> None:
    """Add the commands of this package."""
    group = typer.Typer(name="rules", cls=Commands, help=HELP, rich_markup_mode=None)
    for module in (versions, comparing, trying, scenarios, requiring, backtesting, deciding):
        module.register(group)
    app.add_typer(group, rich_help_panel=PANEL)
