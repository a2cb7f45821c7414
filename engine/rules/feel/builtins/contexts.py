"""Built-in functions on contexts (DMN 1.5, 10.3.4.10)."""

from __future__ import annotations

from typing import Final

from engine.rules.feel.builtins.forms import ANY, ANY_CONTEXT, LIST, STRING, Builtin, form, table, wanted
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.types import ContextType, ListType
from engine.rules.feel.values import Value


def _get_value(ev: Evaluation, context: dict[str, Value], key: str) -> Value:
    return context[key] if key in context else ev.problem(f"get value: there is no entry {key[:40]!r}")


def _get_entries(ev: Evaluation, context: dict[str, Value]) -> Value:
    ev.room_for_items(len(context))
    return [{"key": key, "value": value} for key, value in context.items()]


def _context(ev: Evaluation, entries: list[Value]) -> Value:
    ev.room_for_items(len(entries))
    made: dict[str, Value] = {}
    for entry in entries:
        if type(entry) is not dict or type(entry.get("key")) is not str or "value" not in entry:
            return ev.problem('context: an entry is no context with a string as "key" and with a "value"')
        key = str(entry["key"])
        if key in made:
            return ev.problem(f"context: there are two entries {key[:40]!r}")
        made[key] = entry["value"]
    return made


def _put(ev: Evaluation, context: dict[str, Value], key: str, value: Value) -> Value:
    ev.room_for_items(len(context) + 1)
    return {**context, key: value}


def _put_at(ev: Evaluation, context: dict[str, Value], keys: list[Value], value: Value) -> Value:
    path = [key for key in keys if type(key) is str]
    if not path or len(path) < len(keys):
        return ev.problem("context put: the keys are not one or more strings")
    # The contexts along the path, from the outermost one.
    along = [context]
    for key in path[:-1]:
        inner = along[-1].get(key)
        if type(inner) is not dict:
            return ev.problem(f"context put: there is no context at {key[:40]!r}")
        along.append(inner)
    for key, outer in zip(reversed(path), reversed(along), strict=True):
        ev.room_for_items(len(outer) + 1)
        value = {**outer, key: value}
    return value


def _merge(ev: Evaluation, contexts: list[Value]) -> Value:
    made: dict[str, Value] = {}
    for context in contexts:
        if type(context) is not dict:
            return ev.problem("context merge: an element of the list is no context")
        ev.room_for_items(len(made) + len(context))
        made.update(context)
    return made


_CONTEXT: Final = wanted("context", ANY_CONTEXT)
_ENTRY: Final = ContextType((("key", STRING), ("value", ANY)))

CONTEXTS: Final = table(
    Builtin("get value", ANY, form(_get_value, wanted("m", ANY_CONTEXT), wanted("key", STRING))),
    Builtin("get entries", ListType(_ENTRY), form(_get_entries, wanted("m", ANY_CONTEXT))),
    Builtin("context", ANY_CONTEXT, form(_context, wanted("entries", LIST))),
    Builtin(
        "context put",
        ANY_CONTEXT,
        form(_put, _CONTEXT, wanted("key", STRING), wanted("value")),
        form(_put_at, _CONTEXT, wanted("keys", LIST), wanted("value")),
    ),
    Builtin("context merge", ANY_CONTEXT, form(_merge, wanted("contexts", LIST))),
)
