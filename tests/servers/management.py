"""RabbitMQ's management plugin, by its HTTP API: virtual hosts and users for tests."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener


def beside(port: int, distance: int) -> int:
    """Return another port that goes with this one: 5672 and 15672 belong together as they do by default."""
    return port + distance if port + distance < 65536 else port - distance


class Management:
    """The plugin of the broker at an AMQP URL, as that URL's user."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._user = unquote(parts.username or "guest")
        self._api = f"http://{parts.hostname}:{beside(parts.port or 5672, 10_000)}/api"
        login = f"{self._user}:{unquote(parts.password or 'guest')}"
        self._headers = {
            "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
            "Content-Type": "application/json",
        }
        # A proxy for the way to other hosts is none for loopback.
        self._opener = build_opener(ProxyHandler({}))

    def ask(self, method: str, *path: str, **body: Any) -> Any:
        """Make a request, and return what the answer says."""
        request = Request(  # noqa: S310 - to the API alone
            "/".join((self._api, *(quote(part, safe="") for part in path))),
            method=method,
            headers=self._headers,
            data=json.dumps(body).encode() if method != "GET" else None,
        )
        with self._opener.open(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def make_vhost(self, name: str) -> None:
        """Make a virtual host, of which this user may use everything; nothing to do if there is one."""
        self.ask("PUT", "vhosts", name)
        self.ask("PUT", "permissions", name, self._user, configure=".*", write=".*", read=".*")
