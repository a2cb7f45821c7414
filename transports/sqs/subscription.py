"""Broadcasts: an SNS topic, and behind it one queue for each subscriber, which lives as long as the subscriber.

A subscriber marks its queue from time to time with the hour by AWS's own clock. Whoever subscribes removes queues
whose mark is old: their subscribers died without removing them.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from transports.errors import NotConfirmed, Refused, TooLarge, TransportError, UnknownQueue
from transports.sqs.envelope import unwrap, wire_size, wrap
from transports.sqs.names import subscriber_prefix, topic_name
from transports.sqs.problems import is_no_topic
from transports.sqs.sending import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transports.protocol import Message
    from transports.sqs.clients import Clients

MAX_BYTES = 256 * 1024
"""What SNS takes in one message. https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html"""
RETENTION_SECONDS = 600
"""How long a broadcast waits for a subscriber that does not receive."""
SEEN = "milepost-seen"
"""The tag that says when a subscriber was last alive, in seconds since 1970."""
_MARKS_WHILE_FRESH = 6


class Subscription:
    """The topic, and this transport's subscription to it. Safe to use from several threads."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._settings = clients.settings
        self._lock = threading.RLock()
        self._topic: str | None = None
        self._url: str | None = None
        self._arn: str | None = None
        self._marked_at = 0.0
        self._closed = False

    # -- the sender's side -------------------------------------------------------------------------------------------

    def publish(self, message: Message) -> None:
        """Send a message to all subscribers."""
        text, attributes = wrap(message, topic=message.queue)
        size = wire_size(text, attributes)
        if size > MAX_BYTES:
            raise TooLarge(
                f"a broadcast about {message.queue!r} has {size} bytes as SNS carries it, and {MAX_BYTES} are "
                "carried: broadcast a pointer to the data instead"
            )
        try:
            self._publish(text, attributes)
        except TransportError as error:
            if not is_no_topic(error.__cause__):
                raise
            # It was deleted since it was last used, and is made anew.
            with self._lock:
                self._topic = None
            self._publish(text, attributes)

    def _publish(self, text: str, attributes: dict[str, Any]) -> None:
        self._clients.call(
            "broadcasting",
            self._clients.sns.publish,
            lost=NotConfirmed,
            TopicArn=self._topic_arn(),
            Message=text,
            MessageAttributes=attributes,
        )

    def _topic_arn(self) -> str:
        with self._lock:
            if self._topic is None:
                self._make_topic()
            assert self._topic is not None
            return self._topic

    def _make_topic(self) -> int:
        """Make the topic unless it exists; return the time by AWS's clock."""
        answer = self._clients.call(
            "making the topic for broadcasts", self._clients.sns.create_topic, Name=topic_name(self._settings.prefix)
        )
        self._topic = str(answer["TopicArn"])
        return _time_of(answer)

    # -- the subscriber's side ---------------------------------------------------------------------------------------

    @property
    def subscribed(self) -> bool:
        """Whether there is a queue of our own, or should be."""
        return self._url is not None

    def open(self) -> None:
        """Subscribe, unless that was done."""
        with self._lock:
            if self._url is None and not self._closed:
                self._make()
        self._sweep()

    def _make(self) -> None:
        call, sqs, sns = self._clients.call, self._clients.sqs, self._clients.sns
        now = self._make_topic()
        topic = self._topic_arn()
        name = subscriber_prefix(self._settings.prefix) + secrets.token_hex(10)
        # The queue is in the topic's account and region.
        queue_arn = ":".join([*topic.replace(":sns:", ":sqs:", 1).split(":")[:5], name])
        answer = call(
            "making a queue for broadcasts",
            sqs.create_queue,
            QueueName=name,
            Attributes={
                "MessageRetentionPeriod": str(RETENTION_SECONDS),
                "Policy": json.dumps(_policy(queue_arn, topic)),
            },
            tags={SEEN: str(now)},
        )
        url = str(answer["QueueUrl"])
        try:
            subscription = call(
                "subscribing to broadcasts",
                sns.subscribe,
                TopicArn=topic,
                Protocol="sqs",
                Endpoint=queue_arn,
                Attributes={"RawMessageDelivery": "true"},
                ReturnSubscriptionArn=True,
            )
        except TransportError:
            with contextlib.suppress(TransportError):
                call("removing a queue for broadcasts", sqs.delete_queue, QueueUrl=url)
            raise
        self._url, self._arn = url, str(subscription["SubscriptionArn"])
        self._marked_at = time.monotonic()

    def hear(self, wait_seconds: int) -> list[Message]:
        """Take what has come, waiting for the first. Makes the subscription anew if its queue was deleted."""
        url = self._url
        if url is None:
            return []
        try:
            answer = self._receive(url, wait_seconds)
        except UnknownQueue:
            with self._lock:
                if self._url == url and not self._closed:
                    self._make()
            return []
        self._mark(url, _time_of(answer))
        return [unwrap(each, topic_name(self._settings.prefix)) for each in answer.get("Messages", [])]

    def _receive(self, url: str, wait_seconds: int) -> dict[str, Any]:
        answer = self._clients.call(
            "receiving broadcasts",
            self._clients.polling.receive_message,
            QueueUrl=url,
            MaxNumberOfMessages=ENTRIES,
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=RETENTION_SECONDS,
            MessageAttributeNames=["All"],
        )
        received: list[dict[str, Any]] = answer.get("Messages", [])
        if received:
            entries = [
                {"Id": str(place), "ReceiptHandle": each["ReceiptHandle"]} for place, each in enumerate(received)
            ]
            # What stays goes when it is too old, before it would be seen again.
            with contextlib.suppress(TransportError):
                self._clients.call(
                    "settling broadcasts", self._clients.sqs.delete_message_batch, QueueUrl=url, Entries=entries
                )
        return answer

    def _mark(self, url: str, now: int) -> None:
        """Say that this subscriber lives."""
        ticks = time.monotonic()
        if ticks - self._marked_at < self._settings.stale_seconds / _MARKS_WHILE_FRESH:
            return
        self._marked_at = ticks
        # If it fails, the next mark may succeed; and a queue that is removed by mistake is made anew.
        with contextlib.suppress(TransportError):
            self._clients.call(
                "marking a queue for broadcasts",
                self._clients.sqs.tag_queue,
                QueueUrl=url,
                Tags={SEEN: str(now)},
            )

    # -- what the dead leave behind ----------------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Remove the queues of subscribers that died; whoever subscribes next tries again what fails."""
        with contextlib.suppress(TransportError):
            stale = [url for url in self._queues() if url != self._url and self._is_stale(url)]
            if stale:
                names = {url.rpartition("/")[2] for url in stale}
                for arn in self._subscriptions(names):
                    self._unsubscribe(arn)
                for url in stale:
                    self._delete(url)

    def _queues(self) -> Iterator[str]:
        token: dict[str, Any] = {}
        while True:
            answer = self._clients.call(
                "listing queues for broadcasts",
                self._clients.sqs.list_queues,
                QueueNamePrefix=subscriber_prefix(self._settings.prefix),
                MaxResults=1000,
                **token,
            )
            yield from answer.get("QueueUrls", [])
            if not answer.get("NextToken"):
                return
            token = {"NextToken": answer["NextToken"]}

    def _is_stale(self, url: str) -> bool:
        try:
            answer = self._clients.call(
                "looking at a queue for broadcasts", self._clients.sqs.list_queue_tags, QueueUrl=url
            )
        except UnknownQueue:
            return False
        seen = answer.get("Tags", {}).get(SEEN, "")
        return not seen.isdecimal() or _time_of(answer) - int(seen) > self._settings.stale_seconds

    def _subscriptions(self, queue_names: set[str]) -> list[str]:
        """Return the subscriptions of the topic that lead to these queues."""
        found: list[str] = []
        token: dict[str, Any] = {}
        while True:
            answer = self._clients.call(
                "listing subscriptions",
                self._clients.sns.list_subscriptions_by_topic,
                TopicArn=self._topic_arn(),
                **token,
            )
            found += [
                each["SubscriptionArn"]
                for each in answer.get("Subscriptions", [])
                if each["Endpoint"].rpartition(":")[2] in queue_names
            ]
            if not answer.get("NextToken"):
                return found
            token = {"NextToken": answer["NextToken"]}

    def _unsubscribe(self, arn: str) -> None:
        with contextlib.suppress(Refused):
            self._clients.call("unsubscribing", self._clients.sns.unsubscribe, SubscriptionArn=arn)

    def _delete(self, url: str) -> None:
        with contextlib.suppress(UnknownQueue):
            self._clients.call("removing a queue for broadcasts", self._clients.sqs.delete_queue, QueueUrl=url)

    def close(self) -> None:
        """Remove the subscription and its queue. If that fails, others remove them when they are stale."""
        with self._lock:
            self._closed = True
            url, arn = self._url, self._arn
            self._url = self._arn = None
        with contextlib.suppress(TransportError):
            if arn is not None:
                self._unsubscribe(arn)
            if url is not None:
                self._delete(url)


def _policy(queue_arn: str, topic_arn: str) -> dict[str, Any]:
    """Return the policy of a queue that only this topic may send to."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        ],
    }


def _time_of(answer: dict[str, Any]) -> int:
    """Return when an answer was sent, by the clock of whoever sent it."""
    return int(parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp())
