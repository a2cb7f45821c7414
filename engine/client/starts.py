"""What a start asks for, checked and written as the store takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from engine.client.checks import attribute, word
from engine.codec import TypeCodec, check_size, encode_payload
from engine.definitions.flow import Flow
from engine.definitions.options import check_name, check_priority, check_queue, check_version
from engine.errors import ArgumentsError, UnknownDefinition
from engine.model.durations import parse_duration
from engine.store.start import NewExecution

if TYPE_CHECKING:
    from engine.client.options import StartOptions
    from engine.definitions.registry import Registry

DEFAULT_QUEUE: Final = "default"
DEFAULT_PRIORITY: Final = 5
ANY_RESULT: Final = TypeCodec(what="the result")

AnyFlow = Flow[..., Any]


def find_flow(flow: AnyFlow | str, options: StartOptions, registry: Registry | None) -> AnyFlow | None:
    """Return the flow that is meant, or None for a name where this process knows no flow of that name."""
    if isinstance(flow, Flow):
        return flow
    if registry is None:
        return None
    try:
        return registry.flow(flow, options.version)
    except UnknownDefinition:
        if not any(known.name == flow for known in registry.flows):
            return None
        raise


def arguments_text(known: AnyFlow | None, flow: AnyFlow | str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return the arguments as JSON text, checked against the flow's signature where it is known."""
    if known is not None:
        return known.arguments.encode(args, kwargs)
    if args:
        raise ArgumentsError(
            f"the flow {flow!r} is not known here, so its arguments must be given by name; give the Flow itself, or a "
            f"registry that has it, to give them by position"
        )
    return encode_payload(dict(kwargs))


def input_text(known: AnyFlow | None, values: Mapping[str, Any]) -> str:
    """Return plain JSON values as the input of a flow, checked against its signature where it is known."""
    text = encode_payload(dict(values))
    if known is not None:
        known.arguments.decode(text)
    return text


def one_of_many(known: AnyFlow | None, flow: AnyFlow | str, given: object) -> str:
    """Return one entry of a list of arguments as JSON text: a mapping by name, or a sequence by position."""
    if isinstance(given, Mapping):
        return arguments_text(known, flow, (), cast("Mapping[str, Any]", given))
    if isinstance(given, Sequence) and not isinstance(given, str | bytes | bytearray):
        return arguments_text(known, flow, tuple(cast("Sequence[Any]", given)), {})
    raise ArgumentsError(
        f"the arguments of each start are a tuple by position or a mapping by name, and one is of type "
        f"{type(given).__name__}: write (value,) for a single one"
    )


def keys_of_many(keys: Sequence[str], starts: int) -> Sequence[str]:
    """Accept the keys of many starts: one for each."""
    if isinstance(keys, str) or len(keys) != starts:
        found = "no list of keys" if isinstance(keys, str) or not keys else f"{len(keys)} keys"
        raise ArgumentsError(
            f"there is {found} for {starts} starts: give start_many keys=[...] with one for each; a key among the "
            f"options is for a single start"
        )
    return keys


def keyed(new: NewExecution, key: str) -> NewExecution:
    """Return the same start with this idempotency key."""
    return msgspec.structs.replace(new, idempotency_key=word("the idempotency key", key))


def new_execution(
    known: AnyFlow | None, flow: AnyFlow | str, text: str, options: StartOptions, limit_bytes: int
) -> NewExecution:
    """Return what the store is to start. Raises DefinitionError for options that cannot work."""
    name = check_name("start of a flow", flow) if isinstance(flow, str) else flow.name
    what = f"start of flow {name!r}"
    check_size(text, limit_bytes, what)
    queue = check_queue(what, options.queue) or (known.queue if known else None) or DEFAULT_QUEUE
    priority = check_priority(what, options.priority)
    if priority is None:
        priority = known.priority if known is not None else None
    version = 1 if options.version is None else check_version(what, options.version)
    return NewExecution(
        flow=name,
        version=known.version if known is not None else version,
        input=text,
        queue=queue,
        priority=DEFAULT_PRIORITY if priority is None else priority,
        delay_us=None if options.delay is None else parse_duration(options.delay),
        idempotency_key=None if options.key is None else word(f"{what}: the idempotency key", options.key),
        attributes={
            word(f"{what}: the name of an attribute", name): attribute(f"{what}: the attribute {name!r}", value)
            for name, value in options.attributes.items()
        },
    )
