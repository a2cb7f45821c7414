"""Which of kombu's transports are used here, what they can do, and which are not used and why."""

from __future__ import annotations

from dataclasses import dataclass

from transports.protocol import Capabilities

_SQS = "kombu's transport for it fetches ahead and loses track of what it holds; use sqs://"
_KAFKA = "kombu's transport for it commits what it has fetched and loses what was not acknowledged; use kafka://"
_AMQP = "kombu would poll it, without confirmation of what is sent; use amqp://"
_BUS = "kombu's transport for it renews no locks and does not report what was not sent; use azure://"
_MEMORY = "it is shared by everything in the process, and cannot be emptied or named; use memory://NAME"
_SQL = "kombu calls it experimental; use sql+postgresql://, sql+mysql:// or sql+sqlite://"

REFUSED = {
    "sqs": _SQS,
    "slmq": "the service that it is for was closed",
    "kafka": _KAFKA,
    "confluentkafka": _KAFKA,
    "azureservicebus": _BUS,
    "amqp": _AMQP,
    "amqps": _AMQP,
    "pyamqp": _AMQP,
    "librabbitmq": _AMQP,
    "memory": _MEMORY,
    "sqla": _SQL,
    "sqlalchemy": _SQL,
    "qpid": "its client runs on no Python of today; use amqp:// for RabbitMQ or azure:// for Azure Service Bus",
    "pyro": "it sends pickled objects, which run code when they are read",
}
"""By the scheme in lower case: the reason, and what to use."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What one of kombu's transports can do when it is polled. Broadcasts are left out: kombu's fan-out leaves the
    queue of a subscriber that died to fill up for ever."""

    tried: bool
    durable: bool = False
    releases: bool = False
    depth: bool = False

    def capabilities(self, max_message_bytes: int) -> Capabilities:
        """Return this as the transport declares it.

        A message is off its queue as soon as it is handed out: kombu deletes it there and then.
        """
        return Capabilities(
            durable=self.durable,
            shared=True,
            redelivers=False,
            settles_singly=True,
            releases=self.releases,
            broadcasts=False,
            priorities=False,
            depth=self.depth,
            checks_queues=False,
            max_message_bytes=max_message_bytes,
        )


_KINDS = {"filesystem": Traits(tried=True, durable=True, releases=True, depth=True)}
_UNTRIED = Traits(tried=False)


def traits_of(scheme: str) -> Traits:
    """Return what the transport for this scheme can do; of one that was never tried nothing is promised."""
    return _KINDS.get(scheme, _UNTRIED)
