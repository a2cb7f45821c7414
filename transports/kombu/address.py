"""Where a broker is: the URL taken apart, and written down without its secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from transports.errors import Refused


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a URL, percent-decoded. ``scheme`` is kombu's own name for the transport, without ``kombu+``."""

    scheme: str
    host: str
    port: int | None
    user: str | None
    password: str | None = field(repr=False)
    path: str

    def __str__(self) -> str:
        """Return the URL as it may be shown: without user and password, which some services put into either."""
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}/{self.path}"


def read_address(url: str) -> Address:
    """Take a URL apart, whose query has been taken off. Raises Refused if it cannot be read."""
    scheme, _, rest = url.removeprefix("kombu+").partition("://")
    try:
        # Only for http is every part of a URL read in the same way everywhere.
        parts = urlsplit(f"http://{rest}")
        port = parts.port
    except ValueError:
        raise Refused(
            f"the URL of the {scheme} broker cannot be read: it looks like {scheme}://user:password@host:port/name, "
            "with every special character of the password percent-encoded"
        ) from None
    return Address(
        scheme=scheme,
        host=unquote(parts.hostname or ""),
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        path=unquote(parts.path.removeprefix("/")),
    )
