"""Triggers: which messages of other programs start flows, or are signals to executions that run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter
from typing import Any, Final, ParamSpec, Protocol, TypeVar, cast, overload

from engine.codec import TypeCodec
from engine.codec.hints import resolve_hints
from engine.definitions.flow import Flow
from engine.definitions.options import check_function, check_name, place
from engine.definitions.queueurls import split_queue_url
from engine.definitions.ruled import Guard, Route
from engine.errors import DefinitionError
from engine.masking import mask_secrets
from engine.model.messages import ByKey, MessageInfo, fitted

P = ParamSpec("P")
R = TypeVar("R")

Target = str | ByKey | None
Key = Callable[..., str | int | None]
Filter = Callable[..., bool]
_VARIADIC: Final = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a message that holds its key; made by :func:`header`."""

    name: str


def header(name: str) -> Header:
    """Name the header by which messages are told apart: ``@on_message(url, key=header("order-id"))``."""
    if not isinstance(name, str) or not name:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise DefinitionError(f"header({name!r}) names no header; write it as the sender does: header('order-id')")
    return Header(name)


def by_key(key: str) -> ByKey:
    """Name an execution by the idempotency key it was started with.

    A message that a trigger took started its execution with the key ``"TRIGGER:KEY"``.
    """
    if not isinstance(key, str) or not key:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise DefinitionError(f"by_key({key!r}) names no execution; give the key it was started with, a text")
    return ByKey(fitted(key))


class Parameters:
    """Which parameters of a function take the message and what is known of it, and how the body is read."""

    __slots__ = ("codec", "hint", "info", "value")

    def __init__(self, fn: Callable[..., Any]) -> None:
        """Look at ``fn``, whose hints must be resolvable by now. Raises ``DefinitionError``."""
        hints = resolve_hints(fn)
        named = [one for one in inspect.signature(fn).parameters.values() if one.kind not in _VARIADIC]
        infos = [one.name for one in named if hints.get(one.name) is MessageInfo]
        others = [one for one in named if one.name not in infos]
        if len(infos) > 1 or not others:
            raise DefinitionError(
                f"{fn.__name__} ({place(fn)}) takes messages, so it has one parameter for the message and at most one "
                f"of MessageInfo: def {fn.__name__}(order: Order, info: MessageInfo)"
            )
        for one in others[1:]:
            if one.default is Parameter.empty:
                raise DefinitionError(
                    f"{fn.__name__} ({place(fn)}) takes messages, and nothing would give its parameter {one.name!r} a "
                    f"value: give it a default, or make it a field of the message's type"
                )
        self.value = others[0].name
        """The parameter that takes the decoded message."""
        self.info = infos[0] if infos else None
        """The parameter that takes the MessageInfo, if there is one."""
        self.hint = hints.get(self.value, Any)
        self.codec = TypeCodec(self.hint, f"the message for {fn.__name__}")
        _ = self.codec.hint


class Trigger:
    """Messages of one queue, and what they do; made by ``@on_message``.

    ``flow`` is what each message starts; or it is None, and ``fn`` returns the execution that gets ``signal``, or what
    the rules of ``route`` are asked about.
    """

    def __init__(
        self, url: str, fn: Callable[..., Any], name: str, *, flow: Flow[..., Any] | None = None,
        signal: str | None = None, route: Route | None = None, key: Header | Key | None = None,
        filter: Filter | Guard | None = None,  # noqa: A002 - as the decorator calls it
    ) -> None:  # fmt: skip
        self.url = url
        self.fn = fn
        """The function of the flow, or the one that names the execution, or what rules are asked about."""
        self.name = name
        self.flow = flow
        self.signal = signal
        self.route = route
        self.key = key
        self.filter = filter
        self._parameters: Parameters | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function that it was made of, as tests do."""
        return self.fn(*args, **kwargs)

    @property
    def parameters(self) -> Parameters:
        """What its function takes. Raises ``DefinitionError``, also for hints that cannot be resolved."""
        if self._parameters is None:
            self._parameters = Parameters(self.fn)
        return self._parameters

    @property
    def asks_rules(self) -> bool:
        """Whether rules of the store have a say in what its messages do."""
        guard = None if self.flow is None else self.flow.guard
        return self.route is not None or guard is not None or isinstance(self.filter, Guard)

    @property
    def queue(self) -> str:
        """The queue or topic, without its broker."""
        return queue_of(self.url)

    @property
    def source(self) -> str:
        """The URL without its secrets."""
        return mask_secrets(self.url)

    def __repr__(self) -> str:
        return f"<trigger {self.name!r} on {self.source} at {place(self.fn)}>"


def queue_of(url: str) -> str:
    """Return the queue or topic that a trigger's URL names."""
    parts = split_queue_url(url)
    return "" if parts is None else parts.queue


def takes_info(fn: Callable[..., Any]) -> bool:
    """Tell whether a filter or key function takes a ``MessageInfo`` after the message."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        # Some that are not written in Python do not say.
        return False
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return len([one for one in parameters if one.kind in positional and one.default is Parameter.empty]) > 1


class TriggerDecorator(Protocol):
    """What ``@on_message(...)`` returns."""

    @overload
    def __call__(self, target: Flow[P, R], /) -> Flow[P, R]: ...
    @overload
    def __call__(self, target: Callable[..., Target], /) -> Trigger: ...
    def __call__(self, target: Any, /) -> Any:
        """Have messages start the flow; or, with ``signal=``, have the function name the execution that gets it."""
        ...


class RouteDecorator(Protocol):
    """What ``@on_message(..., route=...)`` returns."""

    def __call__(self, fn: Callable[..., object], /) -> Trigger:
        """Have rules say what messages do, by what the function makes of each."""
        ...


@overload
def on_message(
    url: str, *, route: Route, key: Header | Key | None = None, filter: Filter | Guard | None = None,
    name: str | None = None,
) -> RouteDecorator: ...  # fmt: skip
@overload
def on_message(
    url: str, *, key: Header | Key | None = None, filter: Filter | Guard | None = None,
    signal: str | None = None, name: str | None = None,
) -> TriggerDecorator: ...  # fmt: skip
def on_message(
    url: str,
    *,
    key: Header | Key | None = None,
    filter: Filter | Guard | None = None,  # noqa: A002 - the word for it
    signal: str | None = None,
    route: Route | None = None,
    name: str | None = None,
) -> Any:
    """Have the messages of a queue or topic of yours start a flow, each one once.

    ``url`` is the broker's URL, a slash and the queue; ``broker://shop/orders`` is on a broker that ``[brokers]`` in
    the settings names. The body is read by the hint of the flow's first parameter: JSON, or as it is for ``bytes``, or
    as text for ``str``. A parameter of :class:`MessageInfo` gets what else is known of the message.

    ``key`` tells messages apart: their id, if it is None; a :func:`header`; or a function of the decoded message. A
    message whose key came before starts nothing. ``filter`` is a function of the decoded message, and of its
    MessageInfo if it takes two; or rules of the store, by ``rules.guard``. What it refuses is kept as a dead message,
    as is what cannot be read.

    With ``signal``, it stands on a plain function instead, which returns the id of the execution that gets the message
    as that signal, or :func:`by_key`. With ``route``, made by ``rules.route``, rules of the store say which flows each
    message starts; the function returns what they are asked about, such as the message itself. ``name`` is how keys and
    dead messages are recorded (default: the function's name); keep it when code moves.

    Raises ``DefinitionError`` at once if it cannot work.
    """

    def decorate(target: object) -> Any:
        flow = cast("Flow[..., Any]", target) if isinstance(target, Flow) else None
        fn = check_function("on_message", cast("object", target) if flow is None else flow.fn)
        what = f"@on_message on {fn.__name__} ({place(fn)})"
        _check_kind(what, flow, fn, signal, route)
        default = flow.name if flow is not None else fn.__name__
        made = Trigger(
            _check_url(what, url),
            fn,
            check_name(what, default if name is None else name),
            flow=flow,
            signal=None if signal is None else check_name(f"{what}: signal", signal),
            route=route,
            key=key if isinstance(key, Header) else _check_plain(what, "key", key),
            filter=filter if isinstance(filter, Guard) else _check_plain(what, "filter", filter),
        )
        if flow is None:
            return made
        if any(other.name == made.name for other in flow.triggers):
            raise DefinitionError(f"{what}: there is a trigger {made.name!r} on it already; give each a name=")
        flow.triggers.append(made)
        return flow

    return decorate


def _check_kind(
    what: str, flow: Flow[..., Any] | None, fn: Callable[..., Any], signal: str | None, route: object
) -> None:
    if route is not None and not isinstance(route, Route):
        raise DefinitionError(f"{what}: route={route!r} is none; write route=rules.route('NAME')")
    if route is not None and (flow is not None or signal is not None):
        raise DefinitionError(
            f"{what}: route= leaves it to rules what is started; put it on a plain function, which returns what they "
            f"are asked about, and without signal="
        )
    if flow is not None and signal is not None:
        raise DefinitionError(
            f"{what}: a flow is started, and signal={signal!r} is for one that runs; put it on a plain function that "
            f"returns the id of the execution"
        )
    if flow is None and signal is None and route is None:
        raise DefinitionError(
            f"{what}: it is no flow; put @on_message above @flow, or give signal= if messages are signals, or "
            f"route= if rules say what they start"
        )
    if flow is None and (inspect.iscoroutinefunction(fn) or inspect.isgeneratorfunction(fn)):
        raise DefinitionError(f"{what}: it is called where nothing is awaited; make it a plain def")
    if all(one.kind in _VARIADIC for one in inspect.signature(fn).parameters.values()):
        raise DefinitionError(f"{what}: it takes no message; give it a parameter, whose type hint the body is read by")


def _check_plain(what: str, option: str, function: Any) -> Any:
    if function is None:
        return None
    if not callable(function):
        hint = "write header('order-id'), or a function of the decoded message" if option == "key" else "it is called"
        raise DefinitionError(f"{what}: {option}={function!r} is no function; {hint}")
    if isinstance(function, Flow) or inspect.iscoroutinefunction(function):
        raise DefinitionError(f"{what}: {option} is called where nothing is awaited; give a plain function")
    return function


def _check_url(what: str, url: object) -> str:
    """Accept a URL that names a queue. Whether there is such a broker is known where the settings are."""
    if not isinstance(url, str) or split_queue_url(url) is None:
        shown = mask_secrets(url) if isinstance(url, str) else repr(url)
        raise DefinitionError(
            f"{what}: {shown!r} does not name a queue: write the broker's URL, a slash and the queue, such as "
            f"kafka://host:9092/orders or broker://shop/orders"
        )
    return url
