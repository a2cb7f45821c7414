"""Who may do what: policies with keys, and the tokens that are signed with them.

A token is ``SharedAccessSignature sr=<resource>&sig=<signature>&se=<expiry>&skn=<policy>``, signed with HMAC-SHA256
over the resource as it stands there, a line feed, and the expiry in seconds since 1970.
"""

from __future__ import annotations

import base64
import hmac
from urllib.parse import unquote_plus, urlsplit

from tests.servers.servicebus.clock import now_ms

MANAGE, SEND, LISTEN = "Manage", "Send", "Listen"
POLICIES = {
    "milepost": frozenset({MANAGE, SEND, LISTEN}),
    "worker": frozenset({SEND, LISTEN}),
    "sender": frozenset({SEND}),
    "listener": frozenset({LISTEN}),
    "nobody": frozenset[str](),
}
"""The policies that there are, and what each may do. All have the same key."""


class InvalidTokenError(Exception):
    """The token proves nothing; the text is what the service says."""


class Grant:
    """What a valid token allows."""

    def __init__(self, path: str, rights: frozenset[str]) -> None:
        self._path = path
        self._rights = rights

    def allows(self, right: str, path: str) -> bool:
        """Tell whether it allows this on an entity, or on one below."""
        wanted = path.lower()
        return right in self._rights and (self._path in ("", wanted) or wanted.startswith(self._path + "/"))


def grant_of(token: str, key: str) -> Grant:
    """Check a token, and return what it allows. Raises InvalidTokenError."""
    scheme, _, text = token.partition(" ")
    if scheme != "SharedAccessSignature":
        raise InvalidTokenError("InvalidToken: only shared access signatures are understood here.")
    parts = dict(part.partition("=")[::2] for part in text.split("&"))
    if not {"sr", "sig", "se", "skn"} <= parts.keys():
        raise InvalidTokenError("InvalidToken: a part of the signature is missing.")
    signed = hmac.digest(key.encode(), f"{parts['sr']}\n{parts['se']}".encode(), "sha256")
    rights = POLICIES.get(unquote_plus(parts["skn"]))
    if rights is None or not hmac.compare_digest(base64.b64encode(signed).decode(), unquote_plus(parts["sig"])):
        raise InvalidTokenError("InvalidSignature: The token has an invalid signature.")
    if int(parts["se"]) * 1000 < now_ms():
        raise InvalidTokenError("ExpiredToken: The token is expired.")
    return Grant(urlsplit(unquote_plus(parts["sr"])).path.strip("/").lower(), rights)
