"""The types of a model: item definitions, with what they allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from engine.rules.feel.compiler import CompiledTests, compile_tests
from engine.rules.feel.problems import FeelSyntaxError
from engine.rules.feel.scope import Scope
from engine.rules.feel.types import ANY, NAMED_TYPES, ContextType, FunctionType, ListType, Type, coerce

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.rules.feel.evaluation import Evaluation
    from engine.rules.feel.values import Value
    from engine.rules.model import ItemDefinition


@dataclass(slots=True)
class ItemType:
    """A type and what its values have to satisfy."""

    name: str
    type: Type
    allowed: CompiledTests | None = None
    """Of each element, where it is a collection."""
    constraint: CompiledTests | None = None
    base: ItemType | None = None
    """The type it is made from, whose tests count too."""
    entries: dict[str, ItemType] = field(default_factory=dict[str, "ItemType"])
    item: ItemType | None = None
    """Of a collection, the type of its elements."""

    @property
    def is_plain(self) -> bool:
        """Whether the type alone says everything."""
        return not (self.allowed or self.constraint or self.base or self.entries or self.item)

    def conform(self, ev: Evaluation, value: Value) -> Value:
        """Return the value as one of this type, converted where FEEL does so by itself; null if it is none."""
        if value is None or (self.type is ANY and self.is_plain):
            return value
        fitting = coerce(ev, value, self.type)
        if fitting is None or self.satisfied_by(ev, fitting):
            return fitting
        return ev.problem(f"{self.name} does not allow the value")

    def satisfied_by(self, ev: Evaluation, value: Value) -> bool:
        """Tell whether a value of the type satisfies all tests, in all of its parts."""
        if value is None:
            return True
        if self.base is not None and not self.base.satisfied_by(ev, value):
            return False
        if self.item is not None and type(value) is list:
            item = self.item
            if not all(item.satisfied_by(ev, each) for each in value):
                return False
        elif self.allowed is not None and self.allowed(ev, {}, value) is not True:
            return False
        if self.entries and type(value) is dict:
            for name, entry in self.entries.items():
                if not entry.satisfied_by(ev, value.get(name)):
                    return False
        return self.constraint is None or self.constraint(ev, {}, value) is True


PLAIN: Final[Mapping[str, ItemType]] = {name: ItemType(name, type_) for name, type_ in NAMED_TYPES.items()}
ANYTHING: Final = PLAIN["Any"]
Elsewhere = Callable[[str], "ItemType | None"]


USUAL: Final = (
    "number", "string", "boolean", "date", "time", "date and time", "days and time duration",
    "years and months duration", "list", "context", "Any",
)  # fmt: skip
"""What FEEL's own types are called."""
_MEANT: Final[Mapping[str, str]] = {
    **{name.lower(): name for name in USUAL},
    **dict.fromkeys(("text", "str", "varchar"), "string"),
    **dict.fromkeys(("int", "integer", "long", "decimal", "float", "double", "numeric"), "number"),
    **dict.fromkeys(("bool", "yes/no"), "boolean"),
    **dict.fromkeys(("datetime", "timestamp"), "date and time"),
}
"""The types by what they are called here and elsewhere."""


def no_type(name: str) -> str:
    """Say that there is no type of a name, and which one may have been meant, or which ones there are."""
    found = get_close_matches(name.lower(), _MEANT, n=1, cutoff=0.75)
    instead = _MEANT[found[0]] if found else f"{', '.join(USUAL)}, or the name of one that the model has"
    return f"there is no type {name!r}: write {instead}"


class ItemTypes:
    """The types that a model can name: its own, FEEL's, and those of models it imports (``elsewhere``)."""

    def __init__(self, definitions: Sequence[ItemDefinition], elsewhere: Elsewhere, problems: list[str]) -> None:
        self._definitions = {definition.name: definition for definition in definitions}
        self._elsewhere = elsewhere
        self._problems = problems
        self._made: dict[str, ItemType] = {}
        self._making: set[str] = set()

    def named(self, name: str | None) -> ItemType:
        """Return the type of that name; of anything, and a problem, if there is none."""
        if name is None:
            return ANYTHING
        found = self.find(name)
        if found is None:
            self._problems.append(no_type(name))
            return ANYTHING
        return found

    def find(self, name: str) -> ItemType | None:
        """Return the type of that name, or None."""
        made = self._made.get(name)
        if made is not None:
            return made
        definition = self._definitions.get(name)
        if definition is None:
            return PLAIN.get(name) or self._elsewhere(name)
        if name in self._making:
            # It contains itself: within itself, it may be anything.
            return ANYTHING
        self._making.add(name)
        try:
            made = self._made[name] = self._make(definition)
        finally:
            self._making.discard(name)
        return made

    def type_of(self, name: str) -> Type | None:
        """Return the type alone; None if there is none of that name."""
        found = self.find(name)
        return None if found is None else found.type

    def _make(self, definition: ItemDefinition) -> ItemType:
        if definition.parameters is not None:
            parameters = tuple(self.named(one.type).type for one in definition.parameters)
            return ItemType(definition.name, FunctionType(parameters, self.named(definition.type).type))
        single = ItemType(definition.name, ANY, self._tests(definition.allowed, definition.name))
        if definition.components:
            single.entries = {one.name: self._make(one) for one in definition.components}
            single.type = ContextType(tuple((name, entry.type) for name, entry in single.entries.items()))
        else:
            base = self.named(definition.type)
            single.type = base.type
            single.base = None if base.is_plain else base
        constraint = self._tests(definition.constraint, definition.name)
        if not definition.collection:
            single.constraint = constraint
            return single
        return ItemType(definition.name, ListType(single.type), constraint=constraint, item=single)

    def _tests(self, text: str | None, name: str) -> CompiledTests | None:
        if text is None:
            return None
        try:
            return compile_tests(text, Scope({}), self.type_of)
        except FeelSyntaxError as error:
            self._problems.append(f"the values that {name!r} allows cannot be read: {error}")
            return None
