"""Options of a transport, given as keywords or in the query of its URL.

Two of them every transport here has:

``prefix``: what comes before the name of every queue on the broker. Where it is not given, some transports have one of
their own, which keeps what is Milepost's apart; ``prefix=`` is none at all.

``passive``: nothing is made on the broker. ``declare`` only looks whether the queues are there, and raises
``UnknownQueue`` for one that is not, where the broker can tell. The names of queues are taken as they are, behind the
prefix: one that the broker cannot have is ``Refused``, and never spelled in another way. So ``passive=yes&prefix=`` is
for the queues of other programs. What a transport leaves on the broker all the same, because it cannot receive safely
without, is said in its documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from transports.errors import Refused

Reader = Callable[[str], Any]
"""Reads an option from text; raises ValueError for text that it cannot be."""


def yes_or_no(text: str) -> bool:
    """Read an option that is on or off."""
    match text.strip().lower():
        case "yes" | "true" | "on" | "1":
            return True
        case "no" | "false" | "off" | "0":
            return False
        case _:
            raise ValueError(text)


COMMON: Mapping[str, Reader] = {"prefix": str, "passive": yes_or_no}
"""The options that every transport has; one that can say more about its prefix has a reader of its own for that."""


def take_options(url: str, keywords: Mapping[str, Any], known: Mapping[str, Reader]) -> tuple[str, dict[str, Any]]:
    """Return the URL without the options that are known, and those options; a keyword wins over the URL.

    ``known`` are those that only this transport has. The rest of the URL's query is left in place for whoever connects.
    Raises Refused for a value that cannot be read, in the URL or in a keyword that is a text, and for a keyword that is
    not known.
    """
    known = {**COMMON, **known}
    for name in keywords:
        if name not in known:
            raise Refused(f"there is no option {name!r} here; there are {', '.join(sorted(known))}")
    address, mark, query = url.partition("?")
    left: list[tuple[str, str]] = []
    options: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name in known:
            options[name] = _read(name, text, known[name])
        else:
            left.append((name, text))
    given = {
        name: _read(name, value, known[name]) if isinstance(value, str) else value for name, value in keywords.items()
    }
    if len(options) == 0:
        return url, given
    return address + (mark + urlencode(left) if left else ""), options | given


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
