"""Descriptions of entities as the administration API carries them: Atom entries in XML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.etree import ElementTree as ET

ATOM = "http://www.w3.org/2005/Atom"
SERVICE_BUS = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
_COUNTS = "http://schemas.microsoft.com/netservices/2011/06/servicebus"
_COUNT = "MessageCount"
ET.register_namespace("", ATOM)


def entry(title: str, kind: str, description: Mapping[str, str], active: int | None = None) -> ET.Element:
    """Write an entity. ``kind`` is ``QueueDescription`` or the like, ``active`` how many messages are in it."""
    root = ET.Element(f"{{{ATOM}}}entry")
    ET.SubElement(root, f"{{{ATOM}}}title", {"type": "text"}).text = title
    content = ET.SubElement(root, f"{{{ATOM}}}content", {"type": "application/xml"})
    described = ET.SubElement(content, f"{{{SERVICE_BUS}}}{kind}")
    for name, value in description.items():
        ET.SubElement(described, f"{{{SERVICE_BUS}}}{name}").text = value
    if active is not None:
        ET.SubElement(described, f"{{{SERVICE_BUS}}}{_COUNT}").text = str(active)
        details = ET.SubElement(described, f"{{{SERVICE_BUS}}}CountDetails")
        ET.SubElement(details, f"{{{_COUNTS}}}ActiveMessageCount").text = str(active)
    return root


def feed(entries: Iterable[ET.Element]) -> ET.Element:
    """Write a list of entities; for one that does not exist, the service answers with an empty one."""
    root = ET.Element(f"{{{ATOM}}}feed")
    root.extend(entries)
    return root


def text(root: ET.Element) -> bytes:
    """Return a document as it is sent."""
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def read(text: bytes) -> tuple[str, dict[str, str]]:
    """Return the kind of the entity that is described, and what is said of it."""
    described = ET.fromstring(text).find(f"{{{ATOM}}}content/*")  # noqa: S314 - only the tests write to this server
    if described is None:
        raise ValueError("an entry without content")
    said = {_name(element): element.text or "" for element in described if len(element) == 0}
    # Who changes an entity sends back all that was said of it.
    said.pop(_COUNT, None)
    return _name(described), said


def error(code: int, detail: str) -> ET.Element:
    """Write an error."""
    root = ET.Element("Error")
    ET.SubElement(root, "Code").text = str(code)
    ET.SubElement(root, "Detail").text = detail
    return root


def _name(element: ET.Element) -> str:
    return element.tag.partition("}")[2]
