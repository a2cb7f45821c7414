"""Reading XML: elements by their local names, whatever version of DMN their namespace is of."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from engine.rules.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

MAX_BYTES = 50_000_000


class _Builder(ET.TreeBuilder):
    """Refuses document types, and with them entities, which can be made to grow without bound or to read files."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ModelError(f"the file declares a document type {name!r}, which DMN files do not: remove it")


def parse_xml(data: bytes) -> Element:
    """Return the root of a document. Raises ModelError for what is no XML, or may not be read."""
    if len(data) > MAX_BYTES:
        raise ModelError(f"the file has {len(data)} bytes; {MAX_BYTES} are read")
    parser = ET.XMLParser(target=_Builder())  # noqa: S314 - no document type, so no entities
    try:
        parser.feed(data)
        return parser.close()
    except ET.ParseError as error:
        line, column = error.position
        problem = str(error).partition(":")[0]
    raise ModelError(f"the file is no XML: {problem}, at line {line}, column {column + 1}")


def local(element: Element) -> str:
    """Return the name of an element without its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""  # pyright: ignore[reportUnnecessaryIsInstance] - comments


def children(element: Element, *names: str) -> Iterator[Element]:
    """Yield the children of these names."""
    for child in element:
        if local(child) in names:
            yield child


def child(element: Element, *names: str) -> Element | None:
    """Return the first child of one of these names."""
    return next(children(element, *names), None)


def text_of(element: Element | None) -> str | None:
    """Return the text of an element, or of its child ``text`` if it has one; None if there is none."""
    if element is None:
        return None
    inner = child(element, "text")
    text = (element if inner is None else inner).text
    return text.strip() if text and text.strip() else None


def name_of(element: Element) -> str:
    """Return the name of an element, with its blanks made single ones, as FEEL reads names."""
    return " ".join(element.get("name", "").split())


def type_of(element: Element | None) -> str | None:
    """Return the type that an element refers to, as an attribute or, before DMN 1.2, as a child."""
    if element is None:
        return None
    given = element.get("typeRef")
    if given is None:
        inner = child(element, "typeRef")
        given = None if inner is None else inner.text
    return _plain(given)


def _plain(type_ref: str | None) -> str | None:
    """Return a type without the prefix by which DMN 1.1 named FEEL's own: ``feel:number``."""
    if type_ref is None or not type_ref.strip():
        return None
    return type_ref.strip().removeprefix("feel:")
