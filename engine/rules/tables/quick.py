"""Deciding a table of plain cells in one go: code made for the table, on Python's own values.

The function takes the values of the columns and returns the place of the rule that hits, or one of two marks: nothing
hits, or this is no case for it, and the reference way has to say what becomes of it. Guards see to the types: what is
not exactly of a column's type is no case for it.

Small tables become a chain of comparisons. Large ones have an index for each column: the bits of a number say which
rows are true of a value, and ``&`` leaves those that are true of all.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from engine.rules.feel import code
from engine.rules.feel.numbers import CONTEXT, is_whole
from engine.rules.tables.index import NumberIndex, index_column
from engine.rules.tables.reading import ByColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.rules.model import HitPolicy
    from engine.rules.tables.cells import Cell, Domain, Interval, Scalar
    from engine.rules.tables.reading import Reading

NOTHING: Final = -1
"""No rule hits."""
NO_CASE: Final = -2
"""Not to be decided here."""
CHAIN_ROWS: Final = 6
"""Up to so many rows, comparing one after the other is faster than to look into indexes (benchmarks/rules.py)."""

Quick = Callable[..., int]
Cells = Sequence[Sequence["Cell | None"]]
"""The cells of a table, row by row; None is true of everything."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What the values of a column have to be, beside what its cells say: of a domain, and allowed."""

    domain: Domain | None = None
    allowed: Cell | None = None


UNLIMITED: Final = Limit()


def make_quick(
    cells: Cells,
    policy: HitPolicy,
    reading: Reading | None = None,
    limits: Sequence[Limit] | None = None,
    *,
    chain_rows: int = CHAIN_ROWS,
) -> Quick | None:
    """Return the function for a table of these cells, or None for a table that there is none for.

    It takes an argument for each column, unless ``reading`` says otherwise. Values beyond the ``limits`` of their
    columns are no case for it.
    """
    if not cells or not cells[0] or policy not in ("UNIQUE", "FIRST"):
        return None
    columns = list(zip(*cells, strict=True))
    limits = limits or [UNLIMITED] * len(columns)
    domains: list[Domain | None] = []
    for column, limit in zip(columns, limits, strict=True):
        told = [cell for cell in (*column, limit.allowed) if cell is not None]
        found: set[Domain] = {cell.domain for cell in told}
        if limit.domain is not None:
            found.add(limit.domain)
        # Beyond, a whole number of Python's may be rounded on its way to the rules.
        if len(found) > 1 or any(bound.adjusted() >= CONTEXT.prec for cell in told for bound in cell.bounds):
            return None
        domains.append(found.pop() if found else None)
    maker = _Chain(domains, limits, reading) if len(cells) <= chain_rows else _Indexed(domains, limits, reading)
    return maker.make(columns if isinstance(maker, _Indexed) else cells, unique=policy == "UNIQUE")


class _Maker:
    def __init__(self, domains: Sequence[Domain | None], limits: Sequence[Limit], reading: Reading | None) -> None:
        self.domains = domains
        self._limits = limits
        self._reading = reading or ByColumn(len(domains))
        self.names: dict[str, Any] = {
            "type": type, "int": int, "Decimal": Decimal, "str": str, "bool": bool, "float": float,
            "bisect_left": bisect_left, "bit_length": int.bit_length, "rounded": CONTEXT.plus,
            "decimal_of": _decimal_of, "is_finite": Decimal.is_finite,
        }  # fmt: skip

    def keep(self, name: str, value: object) -> ast.expr:
        """Have the code know a value by a name."""
        self.names[name] = value
        return code.name(name)

    def build(self, body: Sequence[ast.stmt]) -> Quick:
        """Return the function with these statements after its guards."""
        used = [place for place, domain in enumerate(self.domains) if domain is not None]
        reading = self._reading.statements(used, self.keep, _return(NO_CASE))
        definition = code.function("quick", self._reading.parameters, [*reading, *self._guards(), *body])
        return code.build("<decision table>", definition, self.names)

    def _guards(self) -> Iterator[ast.stmt]:
        """Yield the statements that turn away values of other types, and those that are not allowed."""
        for place, (domain, limit) in enumerate(zip(self.domains, self._limits, strict=True)):
            if domain is None:
                continue
            yield code.assign(f"t{place}", code.call("type", _value(place)))
            if domain == "number":
                yield self._number_guard(place)
            else:
                yield ast.If(_is_not(f"t{place}", "str" if domain == "string" else "bool"), [_return(NO_CASE)], [])
            if limit.allowed is not None:
                yield ast.If(ast.UnaryOp(ast.Not(), self.test(place, limit.allowed)), [_return(NO_CASE)], [])

    def _number_guard(self, place: int) -> ast.stmt:
        """Return what has numbers be as rules see them: of 34 digits, and null if they are infinite or none at all."""
        kind, value = f"t{place}", f"c{place}"
        converted = code.assign(value, code.call("decimal_of", _value(place)))
        others = ast.If(_is_not(kind, "float"), [_return(NO_CASE)], [converted])
        shortened = code.assign(value, code.call("rounded", _value(place)))
        decimal = ast.If(_is_not(kind, "Decimal"), [others], [shortened])
        no_number = ast.UnaryOp(ast.Not(), code.call("is_finite", _value(place)))
        return ast.If(_is_not(kind, "int"), [decimal, ast.If(no_number, [_return(NO_CASE)], [])], [])

    def test(self, column: int, cell: Cell) -> ast.expr:
        """Return the comparison that a cell is."""
        tests: list[ast.expr] = [self._within(column, interval) for interval in cell.intervals]
        if len(cell.values) == 1:
            (value,) = cell.values
            tests.append(ast.Compare(_value(column), [ast.Eq()], [self._scalar(value)]))
        elif cell.values:
            values = self.keep(f"s{len(self.names)}", frozenset(cell.values))
            tests.append(ast.Compare(_value(column), [ast.In()], [values]))
        found = tests[0] if len(tests) == 1 else ast.BoolOp(ast.Or(), tests)
        return ast.UnaryOp(ast.Not(), found) if cell.negated else found

    def _within(self, column: int, interval: Interval) -> ast.expr:
        tests: list[ast.expr] = []
        if interval.low is not None:
            sign = ast.GtE() if interval.low_closed else ast.Gt()
            tests.append(ast.Compare(_value(column), [sign], [self._scalar(interval.low)]))
        if interval.high is not None:
            sign = ast.LtE() if interval.high_closed else ast.Lt()
            tests.append(ast.Compare(_value(column), [sign], [self._scalar(interval.high)]))
        return _all(tests) if tests else code.constant(True)

    def _scalar(self, value: Scalar) -> ast.expr:
        if isinstance(value, Decimal):
            whole = is_whole(value)
            return _number(int(value)) if whole else self.keep(f"k{len(self.names)}", value)
        return code.constant(value)


class _Indexed(_Maker):
    def make(self, columns: Sequence[Sequence[Cell | None]], *, unique: bool) -> Quick:
        body: list[ast.stmt] = []
        masks: list[ast.expr] = []
        for place, column in enumerate(columns):
            index = index_column(column)
            if index is None:
                continue
            lookup = index.lookup
            if isinstance(lookup, NumberIndex):
                body += self._bisected(place, lookup)
            else:
                got = ast.Call(
                    self.keep(f"get{place}", lookup.named.get), [_value(place), self._big(lookup.others)], []
                )
                body.append(code.assign(f"m{place}", got))
            masks.append(code.name(f"m{place}"))
        everything = self._big((1 << len(columns[0])) - 1)
        rows = masks[0] if masks else everything
        for mask in masks[1:]:
            rows = ast.BinOp(rows, ast.BitAnd(), mask)
        m = code.name("m")
        body.append(code.assign("m", rows))
        body.append(ast.If(ast.UnaryOp(ast.Not(), m), [_return(NOTHING)], []))
        if unique:
            others = ast.BinOp(m, ast.BitAnd(), ast.BinOp(m, ast.Sub(), code.constant(1)))
            body.append(ast.If(others, [_return(NO_CASE)], []))
            lowest: ast.expr = m
        else:
            lowest = ast.BinOp(m, ast.BitAnd(), ast.UnaryOp(ast.USub(), m))
        body.append(ast.Return(ast.BinOp(code.call("bit_length", lowest), ast.Sub(), code.constant(1))))
        return self.build(body)

    def _bisected(self, place: int, index: NumberIndex) -> Iterator[ast.stmt]:
        bounds = self.keep(f"b{place}", index.bounds)
        at, below = self.keep(f"at{place}", index.at), self.keep(f"below{place}", index.below)
        found = code.name(f"p{place}")
        yield code.assign(f"p{place}", code.call("bisect_left", bounds, _value(place)))
        within = ast.Compare(found, [ast.Lt()], [code.constant(len(index.bounds))])
        equal = ast.Compare(_at(bounds, found), [ast.Eq()], [_value(place)])
        yield code.assign(f"m{place}", ast.IfExp(_all([within, equal]), _at(at, found), _at(below, found)))

    def _big(self, number: int) -> ast.expr:
        return self.keep(f"k{len(self.names)}", number)


class _Chain(_Maker):
    def make(self, rows: Cells, *, unique: bool) -> Quick:
        body: list[ast.stmt] = [code.assign("hit", _number(NOTHING))] if unique else []
        for place, row in enumerate(rows):
            tests = [self.test(column, cell) for column, cell in enumerate(row) if cell is not None]
            holds = _all(tests) if tests else code.constant(True)
            if not unique:
                body.append(ast.If(holds, [_return(place)], []))
                continue
            again = ast.Compare(code.name("hit"), [ast.NotEq()], [_number(NOTHING)])
            body.append(ast.If(holds, [ast.If(again, [_return(NO_CASE)], []), code.assign("hit", _number(place))], []))
        body.append(ast.Return(code.name("hit")) if unique else _return(NOTHING))
        return self.build(body)


def _value(column: int) -> ast.expr:
    return code.name(f"c{column}")


def _at(sequence: ast.expr, place: ast.expr) -> ast.expr:
    return ast.Subscript(sequence, place, ast.Load())


def _is_not(kind: str, type_: str) -> ast.expr:
    return ast.Compare(code.name(kind), [ast.IsNot()], [code.name(type_)])


def _decimal_of(value: float) -> Decimal:
    return CONTEXT.create_decimal(float.__repr__(value))


def _all(tests: Sequence[ast.expr]) -> ast.expr:
    return tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), list(tests))


def _number(value: int) -> ast.expr:
    return ast.UnaryOp(ast.USub(), code.constant(-value)) if value < 0 else code.constant(value)


def _return(value: int) -> ast.stmt:
    return ast.Return(_number(value))
