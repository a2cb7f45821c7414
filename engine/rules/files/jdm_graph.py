"""The graphs of GoRules (JDM) as they are written: nodes, in the order in which they are come to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, cast

from engine.rules.errors import ModelError

MAX_BYTES: Final = 20_000_000
INPUT: Final = "inputNode"
OUTPUT: Final = "outputNode"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Node:
    """A node, and the ids of those before it."""

    id: str
    name: str
    type: str
    content: Json
    before: tuple[str, ...]


def read_nodes(data: bytes) -> list[Node]:
    """Return the nodes of a graph, each after those before it. Raises ModelError for what is no graph."""
    content = _parsed(data)
    found = {text_of(node, "id"): node for node in objects_of(content, "nodes")}
    if len(found) != len(objects_of(content, "nodes")):
        raise ModelError("two nodes of the graph have the same id")
    before: dict[str, list[str]] = {id_: [] for id_ in found}
    for edge in objects_of(content, "edges"):
        source, target = text_of(edge, "sourceId"), text_of(edge, "targetId")
        if source not in found or target not in found:
            raise ModelError(f"an edge goes from {source!r} to {target!r}, and one of them is not there")
        if source not in before[target]:
            before[target].append(source)
    nodes = {id_: _node(id_, node, before[id_]) for id_, node in found.items()}
    for kind in (INPUT, OUTPUT):
        if sum(node.type == kind for node in nodes.values()) != 1:
            raise ModelError(f"the graph has no {kind}, or several")
    for node in nodes.values():
        if not node.before and node.type != INPUT:
            raise ModelError(f"node {node.name!r} is not connected: nothing comes to it")
    try:
        return [nodes[id_] for id_ in TopologicalSorter(before).static_order()]
    except CycleError as error:
        circle = " - ".join(repr(nodes[id_].name) for id_ in cast("list[str]", error.args[1]))
        raise ModelError(f"the graph goes in a circle: {circle}") from None


def _node(id_: str, node: Json, before: list[str]) -> Node:
    content = node.get("content")
    given = cast("Json", content) if isinstance(content, dict) else {}
    return Node(id_, " ".join((text_of(node, "name") or id_).split()), text_of(node, "type"), given, tuple(before))


def objects_of(content: Json, name: str) -> list[Json]:
    """Return a list of objects; it may be missing. Raises ModelError for anything else."""
    value = cast("Any", content.get(name) or [])
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in cast("list[Any]", value)):
        raise ModelError(f"{name!r} should be a list of objects")
    return cast("list[Json]", value)


def text_of(content: Json, name: str) -> str:
    """Return a text; it may be missing. Raises ModelError for anything else."""
    value = content.get(name)
    if value is not None and not isinstance(value, str):
        raise ModelError(f"{name!r} should be a text, and is {json.dumps(value)[:40]}")
    return value or ""


def _parsed(data: bytes) -> Json:
    if len(data) > MAX_BYTES:
        raise ModelError(f"the file has {len(data)} bytes; {MAX_BYTES} are read")
    try:
        content = json.loads(data)
    except RecursionError:
        raise ModelError("the file is nested too deep") from None
    except ValueError as error:
        raise ModelError(f"the file is no JSON: {error}") from None
    if not isinstance(content, dict) or "nodes" not in content:
        raise ModelError("the file is no decision graph of GoRules: it has no 'nodes'")
    return cast("Json", content)
