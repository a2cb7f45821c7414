"""The names that a text may use, found by the words they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.rules.feel.builtins import BUILTINS
from engine.rules.feel.lexer import words_of
from engine.rules.feel.types import ANY, ContextType, ListType, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from engine.rules.feel.lexer import Token


class Lexicon:
    """Names by their words, the longest first: ``Monthly income`` is found before ``Monthly``."""

    __slots__ = ("_by_first",)

    def __init__(self, names: Iterable[str]) -> None:
        by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for name in names:
            words = words_of(name)
            if words:
                by_first.setdefault(words[0], []).append((words, name))
        for entries in by_first.values():
            entries.sort(key=lambda entry: -len(entry[0]))
        self._by_first = by_first

    def longest(self, tokens: Sequence[Token], at: int) -> tuple[str, int] | None:
        """Return the longest name that begins at this token, and how many tokens it has."""
        for words, name in self._by_first.get(tokens[at].text, ()):
            if len(words) <= len(tokens) - at and all(
                tokens[at + index].text == word and tokens[at + index].kind not in ("string", "moment")
                for index, word in enumerate(words)
            ):
                return name, len(words)
        return None


_BUILTINS: Final = Lexicon(BUILTINS)


class Scope:
    """The variables of a place in a text, each with what is known of its type, and those of the places around it."""

    __slots__ = ("_lexicon", "outer", "types")

    def __init__(self, types: Mapping[str, Type], outer: Scope | None = None) -> None:
        self.types = types
        self.outer = outer
        self._lexicon: Lexicon | None = None

    def inner(self, types: Mapping[str, Type]) -> Scope:
        """Return a scope within this one."""
        return Scope(types, self)

    @property
    def lexicon(self) -> Lexicon:
        """Its own names, by their words."""
        if self._lexicon is None:
            self._lexicon = Lexicon(self.types)
        return self._lexicon

    def longest(self, tokens: Sequence[Token], at: int) -> tuple[str, int] | None:
        """Return the longest name of this scope, one around it or the built-in functions that begins at this token."""
        best: tuple[str, int] | None = None
        scope: Scope | None = self
        while scope is not None:
            found = scope.lexicon.longest(tokens, at)
            if found is not None and (best is None or found[1] > best[1]):
                best = found
            scope = scope.outer
        found = _BUILTINS.longest(tokens, at)
        return found if found is not None and (best is None or found[1] > best[1]) else best

    def type_of(self, name: str) -> Type | None:
        """Return the type of a variable; None if there is none of that name."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.types:
                return scope.types[name]
            scope = scope.outer
        return None


def members_of(type_: Type) -> Mapping[str, Type]:
    """Return the members that values of a type are known to have; those of a list are those of its items."""
    while isinstance(type_, ListType):
        type_ = type_.item
    return dict(type_.entries) if isinstance(type_, ContextType) else {}


def item_of(type_: Type) -> Type:
    """Return the type of what is iterated over: a list's items, or the value itself."""
    return type_.item if isinstance(type_, ListType) else type_


def member_type(type_: Type, name: str) -> Type:
    """Return the type of a member; a list's members are lists."""
    if isinstance(type_, ListType):
        inner = member_type(type_.item, name)
        return ANY if inner is ANY else ListType(inner)
    return members_of(type_).get(name, ANY)
