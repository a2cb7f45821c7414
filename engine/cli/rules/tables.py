"""Decision tables as they are drawn: conditions, conclusions, and what each cell said where one is explained."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.table import Table
from rich.text import Text

from engine.cli.session import in_ascii
from engine.cli.texts import clean
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.exchange import from_python
from engine.rules.feel.rendering import text_of
from engine.rules.prepared import moment_of

if TYPE_CHECKING:
    from engine.rules.explaining import Explanation
    from engine.rules.model import DecisionTable

_POLICIES: Final = {"RULE ORDER": "R", "OUTPUT ORDER": "O"}
_AGGREGATIONS: Final = {"SUM": "+", "MIN": "<", "MAX": ">", "COUNT": "#"}
_SIGNS: Final = {True: ("✓", "+", "green"), False: ("✗", "x", "red"), None: ("?", "?", "yellow")}
_NOTHING: Final = Evaluation(moment_of(0))


def feel_text(value: Any) -> str:
    """Return a value of Python's as the cells of rules write it: texts have quotes."""
    # Alone, a text would be itself.
    return clean(text_of(_NOTHING, [from_python(value)])[1:-1])


def policy_sign(table: DecisionTable) -> str:
    """Return the hit policy as the sign that stands in the corner of a table."""
    sign = _POLICIES.get(table.hit_policy, table.hit_policy[0])
    return sign + (_AGGREGATIONS[table.aggregation] if table.aggregation else "")


def draw_table(name: str, table: DecisionTable, explanation: Explanation | None = None) -> Table:
    """Return a decision table; with an explanation, with the values that were tested, and what each cell said."""
    ascii_only = in_ascii(sys.stdout)
    drawn = Table(
        title=Text(clean(name), style="bold"), title_justify="left", box=box.ASCII2 if ascii_only else box.SQUARE
    )
    drawn.add_column(policy_sign(table), justify="right", style="dim")
    for clause in table.inputs:
        drawn.add_column(Text(clean(clause.label or clause.expression), style="cyan"), overflow="fold")
    for clause in table.outputs:
        drawn.add_column(Text(clean(clause.label or clause.name or ""), style="bold magenta"), overflow="fold")
    for title in table.annotations:
        drawn.add_column(Text(clean(title), style="dim"), style="dim", overflow="fold")
    if explanation is not None and explanation.rules:
        given = [Text(feel_text(cell.value), style="bold") for cell in explanation.rules[0].cells]
        drawn.add_row("", *given, end_section=True)
    for place, rule in enumerate(table.rules):
        cells = [Text(clean(text)) for text in rule.conditions]
        conclusions = [Text(clean(text)) for text in rule.conclusions]
        number = Text(str(place + 1))
        if explanation is not None and explanation.rules:
            told = explanation.rules[place]
            cells = [_told(text, one.result, ascii_only) for text, one in zip(cells, told.cells, strict=True)]
            if told.matched:
                number = Text(f"{'>' if ascii_only else '▶'} {place + 1}", style="bold green")
            style = "bold green" if told.matched else "dim"
            for one in conclusions:
                one.stylize(style)
        notes = [Text(clean(text)) for text in rule.annotations]
        notes += [Text("")] * (len(table.annotations) - len(notes))
        drawn.add_row(number, *cells, *conclusions, *notes)
    return drawn


def _told(text: Text, result: bool | None, ascii_only: bool) -> Text:
    sign, plain, style = _SIGNS[result]
    return Text.assemble((plain if ascii_only else sign, style), " ", text)
