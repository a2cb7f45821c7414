"""The form in which models are stored: JSON text, one for each model, whose SHA-256 is the hash of a version.

The text has no blanks and no numbers but that of the format, its keys are sorted, and what a field has by default is
left out: a field that is added to models later changes no hash. Boxed expressions carry their kind as ``box``, elements
theirs as ``element``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, NoReturn, Union, cast, get_args, get_origin, get_type_hints

from engine.rules import model
from engine.rules.errors import ModelError

FORMAT: Final = 1
"""Counted up when what is stored can no longer be read as before."""

_BOXES: Final[dict[str, type]] = {
    "literal": model.LiteralExpression,
    "table": model.DecisionTable,
    "context": model.BoxedContext,
    "invocation": model.Invocation,
    "function": model.FunctionDefinition,
    "relation": model.Relation,
    "list": model.BoxedList,
    "conditional": model.Conditional,
    "filter": model.BoxedFilter,
    "iterator": model.BoxedIterator,
}
_ELEMENTS: Final[dict[str, type]] = {
    "input": model.InputData,
    "decision": model.Decision,
    "knowledge": model.BusinessKnowledgeModel,
    "service": model.DecisionService,
}
_TAGS: Final[dict[type, tuple[str, str]]] = {
    **{kind: ("box", tag) for tag, kind in _BOXES.items()},
    **{kind: ("element", tag) for tag, kind in _ELEMENTS.items()},
}


def write_model(source: model.Model) -> str:
    """Return a model as text: the same text for equal models. Raises ModelError for what no text can hold."""
    try:
        value = {"format": FORMAT, "model": _written(source)}
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        text.encode()
    except RecursionError:
        raise ModelError(f"model {source.name!r} nests boxes too deep to be stored: split its decisions") from None
    except UnicodeEncodeError as error:
        raise ModelError(
            f"model {source.name!r} has half of a surrogate pair, {error.object[error.start : error.end]!r}, which is "
            f"no character: remove it"
        ) from None
    return text


def content_hash(source: model.Model) -> str:
    """Return the SHA-256 of a model's text, in hexadecimal."""
    return hashlib.sha256(write_model(source).encode()).hexdigest()


def read_model(text: str | bytes) -> model.Model:
    """Return the model that a text holds. Raises ModelError, which says where it is not what it should be."""
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except ModelError:
        raise
    except RecursionError:
        raise ModelError("the stored model is nested too deep") from None
    except ValueError as error:
        raise ModelError(f"the stored model is no JSON: {error}") from None
    if not isinstance(value, dict) or set(cast("dict[str, Any]", value)) != {"format", "model"}:
        raise ModelError("this is no stored model: it is an object with 'format' and 'model', and nothing else")
    given = cast("dict[str, Any]", value)
    if type(given["format"]) is not int or given["format"] != FORMAT:
        raise ModelError(f"the stored model has the format {given['format']!r}; this version reads {FORMAT}")
    try:
        return _read(model.Model, given["model"], "model")
    except RecursionError:
        raise ModelError("the stored model is nested too deep") from None


# -- writing ----------------------------------------------------------------------------------------------------------


def _written(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_written(item) for item in cast("tuple[Any, ...]", value)]
    if not is_dataclass(value) or isinstance(value, type):
        return value
    given = {one.name: (getattr(value, one.name), one.default) for one in fields(value)}
    found = {name: _written(one) for name, (one, default) in given.items() if default is MISSING or one != default}
    if type(value) in _TAGS:
        key, tag = _TAGS[type(value)]
        found[key] = tag
    return found


# -- reading ----------------------------------------------------------------------------------------------------------


def _read(hint: Any, value: Any, place: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _read_union(get_args(hint), value, place)
    if origin is tuple:
        if not isinstance(value, list):
            _fail(place, "a list", value)
        items = cast("list[Any]", value)
        return tuple(_read(get_args(hint)[0], item, f"{place}[{index}]") for index, item in enumerate(items))
    if origin is Literal:
        if value not in get_args(hint) or not isinstance(value, str):
            _fail(place, f"one of {', '.join(get_args(hint))}", value)
        return value
    if is_dataclass(hint):
        return _read_fields(cast("type", hint), value, place)
    if type(value) is not hint:
        _fail(place, {str: "a text", bool: "true or false"}[hint], value)
    return value


def _read_union(choices: tuple[Any, ...], value: Any, place: str) -> Any:
    if value is None and NoneType in choices:
        return None
    rest = [choice for choice in choices if choice is not NoneType]
    if len(rest) == 1:
        return _read(rest[0], value, place)
    # Several are the kinds of boxes, or of elements: the tag says which.
    key = _TAGS[rest[0]][0]
    if not isinstance(value, dict):
        _fail(place, f"an object with {key!r}", value)
    tag = cast("dict[str, Any]", value).get(key)
    kinds = {_TAGS[kind][1]: kind for kind in rest}
    if not isinstance(tag, str) or tag not in kinds:
        _fail(f"{place}.{key}", f"one of {', '.join(kinds)}", tag)
    return _read_fields(kinds[tag], value, place)


def _read_fields(kind: type, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        _fail(place, "an object", value)
    given = dict(cast("dict[str, Any]", value))
    if kind in _TAGS:
        key, tag = _TAGS[kind]
        if given.pop(key, None) != tag:
            raise ModelError(f"stored model: {place}.{key} should be {tag!r}")
    found: dict[str, Any] = {}
    for name, hint, required in _shape(kind):
        if name in given:
            found[name] = _read(hint, given.pop(name), f"{place}.{name}")
        elif required:
            raise ModelError(f"stored model: {place} has no {name!r}")
    if given:
        raise ModelError(f"stored model: {place} has {', '.join(map(repr, sorted(given)))}, which nothing is known of")
    return kind(**found)


@cache
def _shape(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    """Return the fields of a class: name, type, and whether it has to be given."""
    hints = get_type_hints(kind)
    every = fields(kind)
    return tuple((one.name, hints[one.name], one.default is MISSING) for one in every)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ModelError(f"the stored model has {twice!r} twice in one object")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ModelError(f"the stored model is no JSON: it has {text}")


def _fail(place: str, expected: str, value: Any) -> NoReturn:
    raise ModelError(f"stored model: {place} should be {expected}, and is {json.dumps(value)[:60]}")
