"""The administration API: what ``PUT``, ``GET`` and ``DELETE`` of a path do.

Below ``/$test/`` are two requests of this server's own: ``POST /$test/restart`` drops every connection, and ``POST
/$test/wipe?PREFIX`` forgets all entities whose paths begin so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree as ET

from tests.servers.servicebus import atom
from tests.servers.servicebus.namespace import Namespace
from tests.servers.servicebus.queues import Queue
from tests.servers.servicebus.tokens import MANAGE, InvalidTokenError, grant_of

_TOPIC_DEFAULTS = {"DefaultMessageTimeToLive": "P10675199DT2H48M5.4775807S", "Status": "Active"}


@dataclass(frozen=True)
class Request:
    """One request, with the names of its headers in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path).strip("/")


@dataclass(frozen=True)
class Response:
    """The answer to one request."""

    status: int
    body: bytes = b""


class Administration:
    """Answers requests."""

    def __init__(self, namespace: Namespace, key: str) -> None:
        self._namespace = namespace
        self._key = key

    def answer(self, request: Request) -> Response:
        """Check who asks, and do it."""
        try:
            grant = grant_of(request.headers.get("authorization", ""), self._key)
        except InvalidTokenError as problem:
            return _error(401, str(problem))
        if not grant.allows(MANAGE, request.path):
            return _error(401, "Manage claim is required for this operation.")
        if request.path == "$test/wipe":
            self._namespace.wipe(unquote(urlsplit(request.target).query))
            return Response(200)
        if request.path.lower() == "$namespaceinfo":
            return _found(atom.entry("here", "NamespaceInfo", {"Name": "here", "MessagingSKU": "Standard"}))
        match request.method:
            case "GET":
                return self._list(request) if request.path.endswith("/subscriptions") else self._get(request.path)
            case "PUT":
                return self._put(request)
            case "DELETE":
                return Response(200) if self._namespace.remove(request.path) else _error(404, "No such entity.")
            case _:
                return _error(405, "There is no such method here.")

    def _get(self, path: str) -> Response:
        if topic := self._namespace.topics.get(path.lower()):
            return _found(atom.entry(path, "TopicDescription", topic.description))
        queue = self._namespace.queue(path)
        if queue is None:
            # For what is missing at the top, the service answers with an empty feed.
            return _error(404, "No such entity.") if "/" in path else _found(atom.feed([]))
        return _found(_entry(queue))

    def _list(self, request: Request) -> Response:
        topic = self._namespace.topics.get(request.path.lower().removesuffix("/subscriptions"))
        if topic is None:
            return _error(404, "There is no such topic.")
        page = {name: int(value) for name, value in parse_qsl(urlsplit(request.target).query) if name[0] == "$"}
        start = page.get("$skip", 0)
        there = [*topic.subscriptions.values()][start : start + page.get("$top", 100)]
        return _found(atom.feed(_entry(queue) for queue in there))

    def _put(self, request: Request) -> Response:
        try:
            kind, said = atom.read(request.body)
        except (ValueError, SyntaxError) as problem:
            return _error(400, str(problem))
        path = request.path
        if request.headers.get("if-match") == "*":
            return self._update(path, said)
        if self._namespace.exists(path):
            return _error(409, "SubCode=40900. Conflict: an entity of that name exists.")
        match kind:
            case "QueueDescription":
                self._namespace.add_queue(path, said)
            case "TopicDescription":
                self._namespace.add_topic(path, _TOPIC_DEFAULTS | said)
            case "SubscriptionDescription":
                return self._put_subscription(path, said)
            case _:
                return _error(400, f"{kind} is not supported here.")
        return Response(201, self._get(path).body)

    def _put_subscription(self, path: str, said: Mapping[str, str]) -> Response:
        place = self._namespace.subscription(path)
        if place is None:
            return _error(404, "There is no such topic.")
        self._namespace.add_subscription(*place, said)
        return Response(201, self._get(path).body)

    def _update(self, path: str, said: Mapping[str, str]) -> Response:
        queue = self._namespace.queue(path)
        if queue is None:
            return _error(404, "No such entity.")
        queue.description.update(said)
        return self._get(path)


def _entry(queue: Queue) -> ET.Element:
    kind = "SubscriptionDescription" if "/subscriptions/" in queue.path else "QueueDescription"
    return atom.entry(queue.path.rpartition("/")[2], kind, queue.description, queue.active)


def _found(document: ET.Element) -> Response:
    return Response(200, atom.text(document))


def _error(status: int, detail: str) -> Response:
    return Response(status, atom.text(atom.error(status, detail)))
