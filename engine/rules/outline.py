"""Models as lines of text, which show what differs between two versions: a line for each rule, type and expression."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any, cast

from engine.rules import model
from engine.rules.stored import write_model

if TYPE_CHECKING:
    from collections.abc import Iterator


def outline(source: model.Model) -> list[str]:
    """Return a model as lines."""
    stored = json.loads(write_model(source))["model"]
    lines = [f"model {source.name} ({source.namespace})"]
    lines += [f"import {_text(one)}" for one in stored.get("imports", ())]
    lines += [f"type {_text(one)}" for one in stored.get("items", ())]
    for element, written in zip(source.elements, stored.get("elements", ()), strict=True):
        rest = dict(cast("dict[str, Any]", written))
        if isinstance(element, model.Decision) and isinstance(element.expression, model.DecisionTable):
            del rest["expression"]
            lines += ["", _head(rest), *(f"  {line}" for line in _table(element.expression))]
        else:
            lines += ["", _head(rest)]
    for one in source.imported:
        lines += ["", *outline(one)]
    return lines


def differences(old: model.Model, new: model.Model) -> list[str]:
    """Return what differs: lines that begin with ``-`` or ``+``, a few around them, and ``@@`` between the places."""
    return list(difflib.unified_diff(outline(old), outline(new), n=2, lineterm=""))[2:]


def _head(written: dict[str, Any]) -> str:
    kind, name = written.pop("element"), written.pop("name")
    return f"{kind} {name} {_text(written)}"


def _table(table: model.DecisionTable) -> Iterator[str]:
    yield f"hit policy {' '.join(filter(None, [table.hit_policy, table.aggregation, table.type]))}"
    for one in table.inputs:
        yield _clause("input", one.expression, label=one.label, type=one.type, allowed=one.allowed)
    for one in table.outputs:
        yield _clause(
            "output", one.name or "", label=one.label, type=one.type, allowed=one.allowed, default=one.default
        )
    if table.annotations:
        yield f"annotations {' | '.join(table.annotations)}"
    for rule in table.rules:
        notes = f"  # {' | '.join(rule.annotations)}" if any(rule.annotations) else ""
        name = "" if rule.id is None else f"{rule.id}: "
        yield f"{name}{' | '.join(rule.conditions)} -> {' | '.join(rule.conclusions)}{notes}"


def _clause(what: str, text: str, **more: str | None) -> str:
    known = "".join(f", {name} {value}" for name, value in more.items() if value is not None)
    return f"{what} {text}{known}"


def _text(written: Any) -> str:
    return json.dumps(written, ensure_ascii=False, sort_keys=True)
