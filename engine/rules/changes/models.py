"""What differs between two models.

Parts are known again by their names, or else by what they are. Ids, and the order in which parts stand, decide nothing,
and are no difference here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from engine.rules import model
from engine.rules.changes.kinds import Change, Kind, Setting
from engine.rules.changes.pairing import merged, pair_by
from engine.rules.changes.parts import parts_of
from engine.rules.changes.tables import compare_tables, setting_changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Named = model.Element | model.ItemDefinition | model.Import
_KINDS: Final[dict[type, Kind]] = {
    model.Import: "import",
    model.ItemDefinition: "type",
    model.InputData: "input",
    model.Decision: "decision",
    model.BusinessKnowledgeModel: "function",
    model.DecisionService: "service",
}
_NO_TABLE: Final = model.DecisionTable((), (), ())


def compare(old: model.Model, new: model.Model) -> tuple[Change, ...]:
    """Return what differs between two models, and between those that they import and keep within them."""
    return tuple(_models(old, new))


def described(source: model.Model, part: Named) -> Change:
    """Return a part of a model as if it had been added, with all that it says."""
    return _part(_Names(model.Model("", "")), _Names(source), None, part)


class _Names:
    """What parts of a model are called, by their ids."""

    def __init__(self, source: model.Model) -> None:
        self._names = {one.id: one.name for one in source.elements}
        for other in source.imported:
            self._names |= {f"{other.namespace}#{one.id}": one.name for one in other.elements}
        self._inputs = {one.id for one in source.elements if isinstance(one, model.InputData)}

    def of(self, ids: Sequence[str]) -> str | None:
        """Return the names of parts as one text; None if there are none."""
        return ", ".join(sorted(self._names.get(one, one) for one in ids)) or None

    def decided(self, ids: Sequence[str]) -> str | None:
        """Return the names of those that are no inputs: columns and expressions say which inputs they take."""
        return self.of([one for one in ids if one not in self._inputs])


def _models(old: model.Model, new: model.Model) -> Iterator[Change]:
    settings = setting_changes((("namespace", old.namespace),), (("namespace", new.namespace),))
    if settings or old.name != new.name:
        was = None if old.name == new.name else old.name
        yield Change("model", new.name, "changed", was, settings)
    names = _Names(old), _Names(new)
    for kind in _KINDS:
        before = [one for one in (*old.imports, *old.items, *old.elements) if isinstance(one, kind)]
        after = [one for one in (*new.imports, *new.items, *new.elements) if isinstance(one, kind)]
        yield from _parts(names, before, after)
    yield from _imported(old, new)


def _parts(names: tuple[_Names, _Names], old: Sequence[Named], new: Sequence[Named]) -> Iterator[Change]:
    pairs: dict[int, int] = {}
    pair_by(pairs, old, new, lambda one: one.name)
    pairs |= dict(_renamed(pairs, old, new))
    for left, right in merged(pairs, len(old), len(new)):
        before, after = None if left is None else old[left], None if right is None else new[right]
        found = _part(*names, before, after)
        if found.step != "changed" or found.was or found.settings or found.table:
            yield found


def _renamed(pairs: dict[int, int], old: Sequence[Named], new: Sequence[Named]) -> Iterator[tuple[int, int]]:
    """Yield those that are what they were under another name."""
    taken = set(pairs.values())
    for place, one in enumerate(old):
        for other, candidate in enumerate(new):
            if place not in pairs and other not in taken and _essence(one) == _essence(candidate):
                taken.add(other)
                yield place, other
                break


def _essence(part: Named) -> object:
    """Return what a part says by itself; a value that is equal to no other one if that is too little to know it by."""
    match part:
        case model.Decision(expression=expression) if expression is not None:
            return expression
        case model.BusinessKnowledgeModel(function=function) if function is not None:
            return function
        case model.Import(namespace=namespace):
            return namespace
        case _:
            return object()


def _part(old_names: _Names, new_names: _Names, old: Named | None, new: Named | None) -> Change:
    there = new or old
    assert there is not None
    kind = _KINDS[type(there)]
    if new is None:
        return Change(kind, there.name, "removed")
    before = None if old is None else _body(old)
    after = _body(new)
    settings = [*setting_changes(() if old is None else _settings(old, old_names), _settings(new, new_names))]
    table = None
    if isinstance(after, model.DecisionTable) and (before is None or isinstance(before, model.DecisionTable)):
        table = compare_tables(before or _NO_TABLE, after)
        table = table if table.differs else None
    elif before != after:
        settings += setting_changes(parts_of(before), parts_of(after))
    if old is None:
        return Change(kind, new.name, "added", None, tuple(settings), table)
    return Change(kind, new.name, "changed", None if old.name == new.name else old.name, tuple(settings), table)


def _body(part: Named) -> model.Expression | None:
    """Return what a part decides by: of a function, what it returns."""
    match part:
        case model.Decision(expression=expression):
            return expression
        case model.BusinessKnowledgeModel(function=function) if function is not None:
            return function.body if function.kind == "FEEL" else function
        case _:
            return None


def _settings(part: Named, names: _Names) -> list[tuple[str, str | None]]:
    match part:
        case model.Import(namespace=namespace):
            return [("namespace", namespace)]
        case model.ItemDefinition():
            return _item(part, ())
        case model.InputData(type=type_):
            return [("type", type_)]
        case model.Decision(type=type_, requires=requires):
            return [("type", type_), ("builds on", names.decided(requires))]
        case model.BusinessKnowledgeModel(type=type_, requires=requires, function=function):
            given = () if function is None else function.parameters
            parameters = ", ".join(one.name if one.type is None else f"{one.name}: {one.type}" for one in given)
            result = None if function is None else function.type
            return [
                ("type", type_), ("builds on", names.decided(requires)), ("parameters", parameters or None),
                ("type of the result", result),
            ]  # fmt: skip
        case model.DecisionService():
            return [
                ("type", part.type), ("decisions that it gives", names.of(part.outputs)),
                ("decisions within it", names.of(part.encapsulated)),
                ("decisions that it is given", names.of(part.input_decisions)),
                ("inputs", names.of(part.input_data)),
            ]  # fmt: skip


def _item(item: model.ItemDefinition, path: tuple[str, ...]) -> list[tuple[str, str | None]]:
    """Return what a type says of itself, and of its entries."""
    parameters = None
    if item.parameters is not None:
        parameters = ", ".join(one.name if one.type is None else f"{one.name}: {one.type}" for one in item.parameters)
    type_ = item.type or ("context" if item.components else None)
    own = [
        ("type", f"list of {type_ or 'anything'}" if item.collection else type_), ("allowed values", item.allowed),
        ("constraint", item.constraint), ("parameters", parameters),
    ]  # fmt: skip
    found = [(" / ".join((*path, what)), text) for what, text in own]
    for one in item.components:
        found += _item(one, (*path, one.name))
    return found


def _imported(old: model.Model, new: model.Model) -> Iterator[Change]:
    before = {one.namespace: one for one in old.imported}
    after = {one.namespace: one for one in new.imported}
    for namespace in dict.fromkeys((*before, *after)):
        if namespace not in after:
            yield Change("imported model", before[namespace].name, "removed")
        elif namespace not in before:
            settings = (Setting("namespace", None, namespace),)
            yield Change("imported model", after[namespace].name, "added", None, settings)
        else:
            name = after[namespace].name
            yield from (replace(one, within=name) for one in _models(before[namespace], after[namespace]))
