"""Descriptions of entities as the administration API carries them: Atom entries in XML."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree as ET

ATOM = "http://www.w3.org/2005/Atom"
SERVICE_BUS = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
ET.register_namespace("", ATOM)


def entry(title: str, kind: str, description: Mapping[str, str], counts: int | None = None) -> bytes:
    """Write an entity. ``kind`` is ``QueueDescription`` or the like, ``counts`` how many messages are active."""
    root = ET.Element(f"{{{ATOM}}}entry")
    ET.SubElement(root, f"{{{ATOM}}}title", {"type": "text"}).text = title
    content = ET.SubElement(root, f"{{{ATOM}}}content", {"type": "application/xml"})
    described = ET.SubElement(content, f"{{{SERVICE_BUS}}}{kind}")
    for name, value in description.items():
        ET.SubElement(described, f"{{{SERVICE_BUS}}}{name}").text = value
    if counts is not None:
        ET.SubElement(described, f"{{{SERVICE_BUS}}}MessageCount").text = str(counts)
        details = ET.SubElement(described, f"{{{SERVICE_BUS}}}CountDetails")
        below = "http://schemas.microsoft.com/netservices/2011/06/servicebus"
        ET.SubElement(details, f"{{{below}}}ActiveMessageCount").text = str(counts)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def nothing() -> bytes:
    """Write what the service answers for an entity that does not exist: a feed without entries."""
    return ET.tostring(ET.Element(f"{{{ATOM}}}feed"), encoding="utf-8", xml_declaration=True)


def read(text: bytes) -> tuple[str, dict[str, str]]:
    """Return the kind of the entity that is described, and what is said of it."""
    described = ET.fromstring(text).find(f"{{{ATOM}}}content/*")  # noqa: S314 - only the tests write to this server
    if described is None:
        raise ValueError("an entry without content")
    said = {_name(element): element.text or "" for element in described if len(element) == 0}
    return _name(described), said


def error(code: int, detail: str) -> bytes:
    """Write an error."""
    root = ET.Element("Error")
    ET.SubElement(root, "Code").text = str(code)
    ET.SubElement(root, "Detail").text = detail
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def _name(element: ET.Element) -> str:
    return element.tag.partition("}")[2]
