"""A pattern as one of Python's ``re``, and how long that could take at worst."""

from __future__ import annotations

import math
import re
from typing import Final

from engine.rules.feel.regex.charsets import Charset
from engine.rules.feel.regex.nodes import Choice, Edge, Group, Node, One, Repeat, Sequence

_EDGES: Final = {
    "start": r"(?:\A)",
    "end": r"(?:\Z)",
    # A line feed at the very end of the text ends a line, and starts none.
    "line start": r"(?:\A|(?<=\n)(?!\Z))",
    "line end": r"(?:(?=\n)|(?<!\n)\Z)",
}


def source_of(node: Node) -> str:
    """Return the text of the pattern for ``re``."""
    if isinstance(node, One):
        return _class(node.of)
    if isinstance(node, Edge):
        return _EDGES[node.kind]
    if isinstance(node, Sequence):
        return "".join(map(source_of, node.parts))
    if isinstance(node, Choice):
        return f"(?:{'|'.join(map(source_of, node.options))})"
    if isinstance(node, Group):
        return f"({source_of(node.part)})"
    if isinstance(node, Repeat):
        most = "" if node.most is None else node.most
        return f"(?:{source_of(node.part)}){{{node.least},{most}}}{'?' if node.lazy else ''}"
    return f"(?({node.number})(?{'i' if node.any_case else ''}:\\{node.number})|)"


def _class(of: Charset) -> str:
    if not of:
        return r"(?!)"
    if len(of) == 1 and of[0][0] == of[0][1]:
        return re.escape(chr(of[0][0]))
    return "[" + "".join(f"\\U{low:08x}-\\U{high:08x}" if low < high else f"\\U{low:08x}" for low, high in of) + "]"


def ways(node: Node, length: int) -> float:
    """Return at most how many ways there are to match the pattern from one place of a text of that length.

    ``re`` tries one after the other, so this bounds the time that it takes. It may be infinite.
    """
    if isinstance(node, Sequence):
        return math.prod(ways(part, length) for part in node.parts)
    if isinstance(node, Choice):
        return sum(ways(option, length) for option in node.options)
    if isinstance(node, Group):
        return ways(node.part, length)
    if isinstance(node, Repeat):
        most = length + node.least if node.most is None else min(node.most, length + node.least)
        each = ways(node.part, length)
        if each > 1:
            return math.inf if most * math.log2(each) > 100 else (most - node.least + 1) * each**most
        return most - node.least + 1
    return 1
