"""Writing XML: the same bytes for the same tags, two blanks for each level."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from engine.rules.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_IN_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What a parser would change: ends of lines everywhere, and other blanks in attributes.
_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE: Final = _TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


@dataclass(frozen=True, slots=True)
class Tag:
    """An element: its name, its attributes without those that are None, and a text or what it contains."""

    name: str
    attributes: dict[str, str | None] | dict[str, str] = field(default_factory=dict[str, str])
    content: str | list[Tag] = field(default_factory=list["Tag"])


def document(root: Tag) -> bytes:
    """Return a document. Raises ModelError for a character that XML cannot hold."""
    return "".join(['<?xml version="1.0" encoding="UTF-8"?>\n', *_lines(root, 0)]).encode()


def _lines(tag: Tag, depth: int) -> Iterator[str]:
    indent = "  " * depth
    attributes = "".join(
        f' {name}="{_checked(value).translate(_ATTRIBUTE)}"'
        for name, value in tag.attributes.items()
        if value is not None
    )
    if not tag.content:
        yield f"{indent}<{tag.name}{attributes}/>\n"
    elif isinstance(tag.content, str):
        yield f"{indent}<{tag.name}{attributes}>{_checked(tag.content).translate(_TEXT)}</{tag.name}>\n"
    else:
        yield f"{indent}<{tag.name}{attributes}>\n"
        for inner in tag.content:
            yield from _lines(inner, depth + 1)
        yield f"{indent}</{tag.name}>\n"


def _checked(text: str) -> str:
    found = _NOT_IN_XML.search(text)
    if found:
        raise ModelError(f"XML cannot hold the character {found[0]!r} of {text[:60]!r}: remove it")
    return text
