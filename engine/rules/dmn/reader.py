"""From DMN files to models. What a file says of diagrams, organisation and layout is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from engine.rules.dmn.elements import child, children, definitions_of, local, name_of, text_of, type_of
from engine.rules.dmn.expressions import read_function, read_variable, read_within
from engine.rules.errors import ModelError
from engine.rules.model import (
    BusinessKnowledgeModel,
    Decision,
    DecisionService,
    Import,
    InputData,
    ItemDefinition,
    Model,
    Parameter,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree.ElementTree import Element as Xml

    from engine.rules.model import Element

_MODEL_NAMESPACES: Final = ("http://www.omg.org/spec/DMN/", "https://www.omg.org/spec/DMN/")


def read_dmn(data: bytes) -> Model:
    """Return the model that a DMN file holds. Raises ModelError, which says what to change."""
    root = definitions_of(data)
    namespace = root.get("namespace", "")
    elements = [element for xml in root if (element := _element(xml, namespace)) is not None]
    items = tuple(_item(xml) for xml in children(root, "itemDefinition"))
    imports = tuple(_import(xml) for xml in children(root, "import") if _imports_a_model(xml))
    _only_once((element.id for element in elements), "elements of the model have the id")
    _only_once((item.name for item in items), "types of the model have the name")
    _only_once((one.name for one in imports if one.name), "imports of the model have the name")
    _only_once((one.namespace for one in imports), "imports of the model are of the namespace")
    return Model(name_of(root), namespace, items, tuple(elements), imports)


def _only_once(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ModelError(f"two {what} {name!r}: change one of them")
        seen.add(name)


def _imports_a_model(xml: Xml) -> bool:
    return xml.get("importType", _MODEL_NAMESPACES[0]).startswith(_MODEL_NAMESPACES)


def _import(xml: Xml) -> Import:
    return Import(name_of(xml), xml.get("namespace", ""))


def _element(xml: Xml, namespace: str) -> Element | None:
    name = name_of(xml)
    id_ = xml.get("id") or name
    variable = child(xml, "variable")
    match local(xml):
        case "inputData":
            return InputData(id_, _named(variable, name), type_of(variable))
        case "decision":
            return Decision(
                id_, _named(variable, name), type_of(variable), read_within(xml),
                _requirements(xml, namespace),
            )  # fmt: skip
        case "businessKnowledgeModel":
            logic = child(xml, "encapsulatedLogic")
            return BusinessKnowledgeModel(
                id_, _named(variable, name), None if logic is None else read_function(logic), type_of(variable),
                _requirements(xml, namespace),
            )  # fmt: skip
        case "decisionService":
            return DecisionService(
                id_, _named(variable, name), type_of(variable),
                outputs=_references(xml, "outputDecision", namespace),
                encapsulated=_references(xml, "encapsulatedDecision", namespace),
                input_decisions=_references(xml, "inputDecision", namespace),
                input_data=_references(xml, "inputData", namespace),
            )  # fmt: skip
        case _:
            return None


def _named(variable: Xml | None, name: str) -> str:
    return (None if variable is None else name_of(variable)) or name


def _requirements(xml: Xml, namespace: str) -> tuple[str, ...]:
    found: list[str] = []
    for requirement in children(xml, "informationRequirement", "knowledgeRequirement"):
        for kind in ("requiredInput", "requiredDecision", "requiredKnowledge"):
            found += _references(requirement, kind, namespace)
    return tuple(dict.fromkeys(found))


def _references(xml: Xml, kind: str, namespace: str) -> tuple[str, ...]:
    """Return the ids that references name; those within the model without its namespace."""
    found: list[str] = []
    for reference in children(xml, kind):
        href = reference.get("href", "")
        where, _, fragment = href.rpartition("#")
        found.append(fragment if where in ("", namespace) else href)
    return tuple(found)


def _item(xml: Xml) -> ItemDefinition:
    function = child(xml, "functionItem")
    parameters = None
    type_ = type_of(xml)
    if function is not None:
        parameters = tuple(_parameter(one) for one in children(function, "parameters"))
        output = function.get("outputTypeRef")
        type_ = output.strip() if output else None
    return ItemDefinition(
        name=name_of(xml),
        type=type_,
        components=tuple(_item(component) for component in children(xml, "itemComponent")),
        collection=xml.get("isCollection") in ("true", "1"),
        allowed=text_of(child(xml, "allowedValues")),
        constraint=text_of(child(xml, "typeConstraint")),
        parameters=parameters,
    )


def _parameter(xml: Xml) -> Parameter:
    return cast("Parameter", read_variable(xml))
