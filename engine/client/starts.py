"""What a start asks for, checked and written as the store takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from engine.codec import TypeCodec, check_size, encode_payload
from engine.definitions.flow import Flow
from engine.definitions.options import check_priority, check_queue
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


def new_execution(
    known: AnyFlow | None, flow: AnyFlow | str, text: str, options: StartOptions, limit_bytes: int
) -> NewExecution:
    """Return what the store is to start. Raises DefinitionError for options that cannot work."""
    name = flow if isinstance(flow, str) else flow.name
    what = f"start of flow {name!r}"
    check_size(text, limit_bytes, what)
    queue = check_queue(what, options.queue) or (known.queue if known else None) or DEFAULT_QUEUE
    priority = check_priority(what, options.priority)
    if priority is None:
        priority = known.priority if known is not None else None
    return NewExecution(
        flow=name,
        version=known.version if known is not None else (options.version or 1),
        input=text,
        queue=queue,
        priority=DEFAULT_PRIORITY if priority is None else priority,
        delay_us=None if options.delay is None else parse_duration(options.delay),
        idempotency_key=options.key,
        attributes={name: _word(value) for name, value in options.attributes.items()},
    )


def _word(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
