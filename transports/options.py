"""Options of a transport, given as keywords or in the query of its URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from transports.errors import Refused

Reader = Callable[[str], Any]
"""Reads an option from text; raises ValueError for text that it cannot be."""


def take_options(url: str, keywords: Mapping[str, Any], known: Mapping[str, Reader]) -> tuple[str, dict[str, Any]]:
    """Return the URL without the options that are known, and those options; a keyword wins over the URL.

    The rest of the URL's query is left in place for whoever connects. Raises Refused for a value that cannot be read,
    and for a keyword that is not known.
    """
    for name in keywords:
        if name not in known:
            raise Refused(f"there is no option {name!r} here; there are {', '.join(sorted(known)) or 'none'}")
    address, mark, query = url.partition("?")
    left: list[tuple[str, str]] = []
    options: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name in known:
            options[name] = _read(name, text, known[name])
        else:
            left.append((name, text))
    if len(options) == 0:
        return url, dict(keywords)
    return address + (mark + urlencode(left) if left else ""), options | dict(keywords)


def _read(name: str, text: str, reader: Reader) -> Any:
    try:
        return reader(text)
    except ValueError:
        raise Refused(f"option {name}={text!r} cannot be read as {reader.__name__}") from None


def seconds(text: str) -> float:
    """Read a number of seconds greater than zero."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def count(text: str) -> int:
    """Read a whole number greater than zero."""
    value = int(text)
    if value <= 0:
        raise ValueError(text)
    return value
