"""Models that import others: compiled together, and made into one that has within it what it imports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.rules.errors import ModelError
from engine.rules.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.rules.model import Model


def folded(source: Model, find: Callable[[str, Model], Model]) -> Model:
    """Return a model with all that it imports within it, and what those import, in the order of their namespaces.

    ``find`` returns the model of a namespace that the other one imports, or raises ModelError. A model that imports
    nothing is returned as it is.
    """
    found: dict[str, Model] = {}
    left = [source]
    while left:
        one = left.pop()
        for needed in one.imports:
            if needed.namespace not in found and needed.namespace != source.namespace:
                found[needed.namespace] = other = find(needed.namespace, one)
                left.append(other)
    return replace(source, imported=tuple(found[namespace] for namespace in sorted(found)))


def graph_of(source: Model, others: Mapping[str, Model] | None = None) -> Graph:
    """Return a model compiled together with those it imports: by namespace, or else those within it.

    Raises ModelError for an import that is missing, and for models that import each other.
    """
    if others is None:
        others = {one.namespace: one for one in source.imported}
    return _graph(source, others, (source.namespace,), {})


def _graph(source: Model, others: Mapping[str, Model], way: tuple[str, ...], made: dict[str, Graph]) -> Graph:
    for one in source.imports:
        if one.namespace in way:
            raise ModelError(f"models import each other: {' imports '.join((*way, one.namespace))}")
        if one.namespace in others and one.namespace not in made:
            made[one.namespace] = _graph(others[one.namespace], others, (*way, one.namespace), made)
    return Graph(source, made)
