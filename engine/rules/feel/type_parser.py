"""Reading types: ``list<number>``, ``context<name: string>``, or the name of an item definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.rules.feel.nodes import BuiltType, ContextOf, FunctionOf, ListOf, NamedType, RangeOf
from engine.rules.feel.scope import Lexicon
from engine.rules.feel.types import ANY, NAMED_TYPES, ListType

if TYPE_CHECKING:
    from engine.rules.feel.cursor import Cursor
    from engine.rules.feel.nodes import TypeNode

_LEXICON: Final = Lexicon(NAMED_TYPES)


def parse_type(cursor: Cursor) -> TypeNode:
    """Read a type. Raises FeelSyntaxError."""
    at = cursor.at
    with cursor.deeper():
        if cursor.sees("list") and cursor.sees("<", 1):
            return ListOf(at, _in_brackets(cursor))
        if cursor.sees("range") and cursor.sees("<", 1):
            return RangeOf(at, _in_brackets(cursor))
        if cursor.sees("context") and cursor.sees("<", 1):
            return _context(cursor)
        if cursor.sees("function"):
            return _function(cursor)
        if cursor.sees("list"):
            cursor.take()
            return BuiltType(at, ListType(ANY))
        if cursor.sees("null"):
            cursor.take()
            return BuiltType(at, NAMED_TYPES["Null"])
        name = cursor.known_name(_LEXICON)
        if name is not None and not cursor.sees("."):
            return BuiltType(at, NAMED_TYPES[name])
        return NamedType(at, _qualified(cursor))


def _qualified(cursor: Cursor) -> str:
    parts = [cursor.plain_name()]
    while cursor.accept("."):
        parts.append(cursor.plain_name())
    return ".".join(parts)


def _in_brackets(cursor: Cursor) -> TypeNode:
    cursor.take()
    cursor.take()
    inner = parse_type(cursor)
    cursor.expect(">", "after the type of the items")
    return inner


def _context(cursor: Cursor) -> TypeNode:
    at = cursor.at
    cursor.take()
    cursor.take()
    entries: list[tuple[str, TypeNode]] = []
    while not cursor.accept(">"):
        if entries:
            cursor.expect(",", "between the entries of a context type")
        name = cursor.name_before(":")
        if name is None:
            cursor.fail("expected the name of an entry and ':'")
        entries.append((name, parse_type(cursor)))
    return ContextOf(at, tuple(entries))


def _function(cursor: Cursor) -> TypeNode:
    at = cursor.take().start
    parameters: list[TypeNode] = []
    cursor.expect("<", "after 'function'")
    while not cursor.accept(">"):
        if parameters:
            cursor.expect(",", "between the types of parameters")
        parameters.append(parse_type(cursor))
    cursor.expect("->", "and the type of the result")
    return FunctionOf(at, tuple(parameters), parse_type(cursor))
