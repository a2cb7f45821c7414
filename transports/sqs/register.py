"""Which queues there are, and at which URLs: asked once, then remembered until SQS says otherwise."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from transports.errors import Refused, UnknownQueue
from transports.sqs.problems import code_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transports.sqs.clients import Clients

_EXISTS = {"QueueAlreadyExists", "QueueNameExists"}


class Register:
    """The URLs of queues. Safe to use from several threads."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._settings = clients.settings
        self._lock = threading.Lock()
        self._urls: dict[str, str] = {}
        self._checked: set[str] = set()

    def declare(self, names: Iterable[str]) -> None:
        """Make sure that these queues exist; each is asked for anew, as it may have been deleted meanwhile."""
        for error in self._clients.each(self._declare, list(names)):
            if error is not None:
                raise error

    def _declare(self, name: str) -> None:
        self.forget(name)
        if self._settings.passive:
            # Whatever it is like, its owner wants it so.
            self._remember(name, self._ask(name))
            return
        try:
            url = self._ask(name)
        except UnknownQueue:
            url = self._make(name)
        else:
            self._check(name, url)
        self._remember(name, url)
        self._checked.add(name)

    def _make(self, name: str) -> str:
        attributes: dict[str, str] = {}
        if self._settings.retention_seconds is not None:
            attributes["MessageRetentionPeriod"] = str(self._settings.retention_seconds)
        try:
            answer = self._clients.call(
                f"making queue {name!r}",
                self._clients.sqs.create_queue,
                QueueName=self._settings.queue_name(name),
                Attributes=attributes,
            )
        except Refused as error:
            if error.__cause__ is not None and code_of(error.__cause__) in _EXISTS:
                raise Refused(
                    f"queue {name!r} exists at {self._settings.where} with other attributes than asked for: delete "
                    "it, ask for what it has, or use another prefix"
                ) from error
            raise
        return str(answer["QueueUrl"])

    def _check(self, name: str, url: str) -> None:
        """Raise Refused if a queue that was there before is not fit to be used; looks once."""
        if name in self._checked:
            return
        answer = self._clients.call(
            f"looking at queue {name!r}",
            self._clients.sqs.get_queue_attributes,
            QueueUrl=url,
            AttributeNames=["All"],
        )
        has = answer.get("Attributes", {})
        if int(has.get("DelaySeconds", 0)) > 0:
            raise Refused(
                f"queue {name!r} at {self._settings.where} holds every message back for {has['DelaySeconds']} s "
                "(DelaySeconds), so it is meant for something else: set that to 0, or use another prefix"
            )
        wanted = self._settings.retention_seconds
        kept = has.get("MessageRetentionPeriod")
        if wanted is not None and kept is not None and int(kept) != wanted:
            raise Refused(
                f"queue {name!r} at {self._settings.where} keeps messages for {kept} s and retention_seconds={wanted} "
                "is asked for: ask for the same everywhere, or change the queue"
            )

    def url(self, name: str) -> str:
        """Return the URL of a queue. Raises UnknownQueue if there is none."""
        with self._lock:
            known = self._urls.get(name)
        if known is None:
            known = self._ask(name)
            self._remember(name, known)
        return known

    def _ask(self, name: str) -> str:
        full_name = self._settings.queue_name(name)
        try:
            answer = self._clients.call(
                f"looking for queue {name!r}", self._clients.sqs.get_queue_url, QueueName=full_name
            )
        except UnknownQueue as error:
            raise self.no_queue(name) from error
        return str(answer["QueueUrl"])

    def _remember(self, name: str, url: str) -> None:
        with self._lock:
            self._urls[name] = url

    def forget(self, name: str) -> None:
        """Ask SQS the next time: it has said that the queue is not where it was."""
        with self._lock:
            self._urls.pop(name, None)

    def no_queue(self, name: str) -> UnknownQueue:
        """Return the error for a queue that is not there."""
        full_name = self._settings.queue_name(name)
        return UnknownQueue(
            f"{self._settings.where} has no queue {name!r} ({full_name}), or shows it to others only: declare it first"
        )
