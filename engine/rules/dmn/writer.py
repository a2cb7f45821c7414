"""From models to DMN 1.5 files, without diagrams. What is written is read again as the same model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.rules import model
from engine.rules.dmn.boxes import function_parts, variable, write_expression
from engine.rules.dmn.elements import NAMESPACE
from engine.rules.dmn.markup import Tag, document
from engine.rules.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_REQUIRED: Final[dict[type, tuple[str, str]]] = {
    model.InputData: ("informationRequirement", "requiredInput"),
    model.Decision: ("informationRequirement", "requiredDecision"),
    model.BusinessKnowledgeModel: ("knowledgeRequirement", "requiredKnowledge"),
    model.DecisionService: ("knowledgeRequirement", "requiredKnowledge"),
}


def write_dmn(source: model.Model, imported: Iterable[model.Model] = ()) -> bytes:
    """Return a model as a DMN 1.5 file; ``imported`` are the models it imports.

    DMN has requirements of information before those of knowledge, and so are they written. Raises ModelError for an
    element that is required and not there, and for characters that XML cannot hold.
    """
    return document(_Writer(source, imported).definitions())


class _Writer:
    def __init__(self, source: model.Model, imported: Iterable[model.Model]) -> None:
        self._model = source
        self._kinds: dict[str, type] = {}
        for other in imported:
            self._kinds.update((f"{other.namespace}#{one.id}", type(one)) for one in other.elements)
        self._kinds.update((one.id, type(one)) for one in source.elements)

    def definitions(self) -> Tag:
        source = self._model
        parts = [
            Tag("import", {"name": one.name, "namespace": one.namespace, "importType": NAMESPACE})
            for one in source.imports
        ]
        parts += [_item("itemDefinition", one) for one in source.items]
        parts += [self._element(one) for one in source.elements]
        return Tag("definitions", {"xmlns": NAMESPACE, "name": source.name, "namespace": source.namespace}, parts)

    def _element(self, element: model.Element) -> Tag:
        attributes = {"id": element.id, "name": element.name}
        parts = [variable("variable", model.Parameter(element.name, element.type))]
        match element:
            case model.InputData():
                return Tag("inputData", attributes, parts)
            case model.Decision():
                parts += self._requirements(element)
                if element.expression is not None:
                    parts.append(write_expression(element.expression))
                return Tag("decision", attributes, parts)
            case model.BusinessKnowledgeModel():
                if element.function is not None:
                    parts.append(function_parts("encapsulatedLogic", element.function))
                parts += self._requirements(element)
                return Tag("businessKnowledgeModel", attributes, parts)
            case model.DecisionService():
                parts += _references("outputDecision", element.outputs)
                parts += _references("encapsulatedDecision", element.encapsulated)
                parts += _references("inputDecision", element.input_decisions)
                parts += _references("inputData", element.input_data)
                return Tag("decisionService", attributes, parts)

    def _requirements(self, element: model.Decision | model.BusinessKnowledgeModel) -> list[Tag]:
        found: list[Tag] = []
        for reference in element.requires:
            kind = self._kinds.get(reference)
            if kind is None:
                raise ModelError(f"{element.name!r} requires {reference!r}, which is in none of the models given")
            requirement, required = _REQUIRED[kind]
            found.append(Tag(requirement, {}, list(_references(required, (reference,)))))
        return sorted(found, key=lambda tag: tag.name)


def _references(name: str, references: Iterable[str]) -> Iterator[Tag]:
    for one in references:
        yield Tag(name, {"href": one if "#" in one else f"#{one}"})


def _item(name: str, item: model.ItemDefinition) -> Tag:
    attributes: dict[str, str | None] = {"name": item.name, "isCollection": "true" if item.collection else None}
    parts: list[Tag] = []
    if item.type is not None and item.parameters is None:
        parts.append(Tag("typeRef", {}, item.type))
    parts += [
        Tag(tag, {}, [Tag("text", {}, text)])
        for tag, text in (("allowedValues", item.allowed), ("typeConstraint", item.constraint))
        if text is not None
    ]
    parts += [_item("itemComponent", one) for one in item.components]
    if item.parameters is not None:
        inner = [variable("parameters", one) for one in item.parameters]
        parts.append(Tag("functionItem", {"outputTypeRef": item.type}, inner))
    return Tag(name, attributes, parts)
