"""Finding the transport for a URL, among those that installed packages offer.

A package offers one by an entry point of the group ``milepost.transports``. Its name is the scheme of the URLs it is
for, up to a ``+`` if there is one, and it refers to something that is called with the URL and with options.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Protocol, cast

from transports.errors import NoTransport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transports.protocol import Transport

GROUP = "milepost.transports"

EXTRAS = {
    "amqp": "rabbitmq",
    "amqps": "rabbitmq",
    "rabbitmq": "rabbitmq",
    "kafka": "kafka",
    "azure": "azure",
    "azureservicebus": "azure",
    "servicebus": "azure",
    "sqs": "sqs",
    "kombu": "kombu",
    "redis": "redis",
    "rediss": "redis",
}
"""The extra of this package that brings the client library, by the scheme that needs it."""


class TransportFactory(Protocol):
    """What an entry point refers to, usually a class."""

    def __call__(self, url: str, **options: Any) -> Transport:
        """Return a transport for the URL; nothing needs to be connected yet."""
        ...


def open_transport(url: str, **options: Any) -> Transport:
    """Open the transport for this URL, such as ``memory://tests`` or ``sql+postgresql://user:password@host/database``.

    Options may stand in the URL's query too; :mod:`transports.options` says which ones every transport of this package
    has. Raises NoTransport if there is none for this scheme, or if its client
    library is not installed, and Refused if the URL or an option cannot be used.
    """
    scheme, mark, _ = url.partition("://")
    if not mark or not scheme:
        # The URL itself may hold a password, so it is not shown.
        raise NoTransport(f"a transport's URL looks like memory://name or sql+postgresql://...; {_offered()}")
    return load_factory(scheme)(url, **options)


def load_factory(scheme: str) -> TransportFactory:
    """Return what makes transports for this scheme; raises NoTransport."""
    point = _find(scheme)
    try:
        loaded = point.load()
    except ModuleNotFoundError as error:
        # A module of the transport's own that is missing is a defect, and advice to install something would mislead.
        if error.name is not None and error.name.partition(".")[0] == point.module.partition(".")[0]:
            raise
        raise NoTransport(
            f"{scheme}:// needs the module {error.name!r}, which is not installed: {_advice(point, error)}"
        ) from error
    return cast("TransportFactory", loaded)


def _find(scheme: str) -> EntryPoint:
    # The whole scheme first, so that a package may offer just one flavour of a broker.
    for name in dict.fromkeys((scheme, scheme.partition("+")[0])):
        found = _distinct(entry_points(group=GROUP, name=name))
        if len(found) > 1:
            places = " and ".join(sorted(f"{point.value} of {_package(point)}" for point in found))
            raise NoTransport(f"two transports say they are for {name}://: {places}; uninstall one")
        if found:
            return found[0]
    extra = EXTRAS.get(scheme.partition("+")[0])
    advice = f"pip install 'milepost[{extra}]'" if extra else _offered()
    raise NoTransport(f"no transport for {scheme}:// is installed: {advice}")


def _distinct(points: Sequence[EntryPoint] | Any) -> list[EntryPoint]:
    # A package that is found in two places of the path offers its entry points twice.
    return list({(point.name, point.value): point for point in points}.values())


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unknown package"


def _advice(point: EntryPoint, error: ModuleNotFoundError) -> str:
    extra = EXTRAS.get(point.name)
    if extra is not None and point.module.startswith("transports."):
        return f"pip install 'milepost[{extra}]'"
    return f"pip install {error.name}, or what the documentation of {_package(point)} says"


def _offered() -> str:
    names = sorted({point.name for point in entry_points(group=GROUP)})
    return f"there are transports for {', '.join(names)}" if names else "no package here offers a transport"
