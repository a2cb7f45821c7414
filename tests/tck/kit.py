"""Reading the kit: its folders, models and cases, and the values in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.temporal import parse_temporal
from engine.rules.feel.values import Value

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


@dataclass(frozen=True)
class Expectation:
    """What one node of a model has to come to."""

    node: str
    value: Value
    fails: bool
    """The model is expected to fail there, which shows as null."""


@dataclass(frozen=True)
class Case:
    """One test case: inputs, what is evaluated, and the results."""

    folder: str
    file: str
    id: str
    model: Path
    kind: str
    """decision, bkm or decisionService."""
    invocable: str | None
    inputs: dict[str, Value] = field(default_factory=dict[str, Any])
    results: tuple[Expectation, ...] = ()

    @property
    def name(self) -> str:
        """How it is called in lists of failures."""
        return f"{self.folder}/{self.file}#{self.id}"


def folders_of(kit: Path, levels: tuple[int, ...]) -> list[Path]:
    """Return the folders of test cases of these levels, in any checkout of the kit."""
    found: list[Path] = []
    for level in levels:
        for root in sorted(kit.rglob(f"compliance-level-{level}")):
            found += sorted(folder for folder in root.iterdir() if folder.is_dir())
    return found


def cases_of(folder: Path) -> Iterator[Case]:
    """Yield the cases of a folder."""
    for path in sorted(folder.glob("*.xml")):
        root = ET.parse(path).getroot()  # noqa: S314 - a file of the kit
        if _local(root) != "testCases":
            continue
        model = folder / _child_text(root, "modelName")
        for xml in _children(root, "testCase"):
            inputs = {node.get("name", ""): value_of(node) for node in _children(xml, "inputNode")}
            results = tuple(_expectation(node) for node in _children(xml, "resultNode"))
            yield Case(
                folder.name, path.stem, xml.get("id", ""), model, xml.get("type", "decision"),
                xml.get("invocableName"), inputs, results,
            )  # fmt: skip


def _expectation(node: Element) -> Expectation:
    expected = next(_children(node, "expected"), None)
    value = None if expected is None else value_of(expected)
    return Expectation(node.get("name", ""), value, node.get("errorResult") == "true")


def value_of(node: Element) -> Value:
    """Return the value that an element holds: a list, a context of components, or a single value."""
    if node.get(NIL) == "true":
        return None
    components = list(_children(node, "component"))
    if components:
        return {component.get("name", ""): value_of(component) for component in components}
    holder = next(_children(node, "list"), None)
    if holder is not None:
        if holder.get(NIL) == "true":
            return None
        return [value_of(item) for item in _children(holder, "item")]
    single = next(_children(node, "value"), None)
    return None if single is None else _single(single)


def _single(xml: Element) -> Value:
    if xml.get(NIL) == "true":
        return None
    text = xml.text or ""
    kind = (xml.get(TYPE) or "xsd:string").rpartition(":")[2]
    match kind:
        case "boolean":
            return text.strip() == "true"
        case "decimal" | "double" | "integer" | "int" | "long" | "float":
            number = Decimal(text.strip())
            return number if number.is_finite() else None
        case "date" | "time" | "dateTime" | "duration" | "dayTimeDuration" | "yearMonthDuration":
            return parse_temporal(text.strip())
        case _:
            return text


def same(expected: Value, found: Value) -> bool:
    """Tell whether a result is the expected one; the kit asks for eight digits of numbers."""
    if isinstance(expected, Decimal) and isinstance(found, Decimal):
        return abs(expected - found) <= Decimal("1e-8") * max(abs(expected), Decimal(1))
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(same, expected, found))
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(same(expected[key], found[key]) for key in expected)
    if type(expected) is not type(found):
        return False
    return expected == found or _equal(expected, found)


def _equal(expected: Value, found: Value) -> bool:
    from engine.rules.feel.comparison import equals

    return equals(_NOBODY_ASKS, expected, found) is True


def _never() -> Any:
    raise AssertionError("comparing results asks for no clock")


_NOBODY_ASKS = Evaluation(_never)


def _local(xml: Element) -> str:
    return xml.tag.rpartition("}")[2]


def _children(xml: Element, name: str) -> Iterator[Element]:
    return (child for child in xml if _local(child) == name)


def _child_text(xml: Element, name: str) -> str:
    child = next(_children(xml, name), None)
    return "" if child is None else (child.text or "").strip()
