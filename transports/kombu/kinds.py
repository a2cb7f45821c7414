"""Which of kombu's transports are used here, what they can do, and which are not used and why."""

from __future__ import annotations

from dataclasses import dataclass

from transports.protocol import Capabilities

DEFAULT_PREFIX = "milepost."
"""What the names of queues begin with where nothing else is said."""

_SQS = "sqs:// speaks to it with Amazon's own client, in batches; use that"
_KAFKA = "kombu commits how far it has read and not what was acknowledged, and so loses messages; use kafka://"
_BUS = "azureservicebus:// speaks to it with Azure's own client, in batches; use that"
_AMQP = "kombu would be polled here, and does not wait until what it sends is confirmed; use amqp://"
_SQL = "it loses what a worker that died had taken; use sql+postgresql://, sql+mysql:// or sql+sqlite://"

REFUSED = {
    "sqs": _SQS,
    "kafka": _KAFKA,
    "confluentkafka": _KAFKA,
    "azureservicebus": _BUS,
    "amqp": _AMQP,
    "amqps": _AMQP,
    "pyamqp": _AMQP,
    "librabbitmq": _AMQP,
    "memory": "kombu has one such broker for everything in the process; use memory://NAME",
    "sqla": _SQL,
    "sqlalchemy": _SQL,
    "qpid": "its client does not run on Python 3; use amqp:// where the broker speaks AMQP 0.9.1",
}
"""By the scheme in lower case: the reason, and what to use."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What one of kombu's transports can do when it is polled. Broadcasts are left out: kombu's fan-out leaves the
    queue of a subscriber that died to fill up for ever."""

    durable: bool = False
    releases: bool = False
    depth: bool = False
    connected: bool = True
    """Whether there is a connection, to be made anew after an error."""

    def capabilities(self, max_message_bytes: int) -> Capabilities:
        """Return this as the transport declares it.

        Most of kombu's transports delete a message as they hand it out, so nothing is said to be delivered again.
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


_KINDS = {"filesystem": Traits(durable=True, releases=True, depth=True, connected=False)}
_UNTRIED = Traits()


def traits_of(scheme: str) -> Traits:
    """Return what the transport for this scheme can do; of one that was never tried nothing is promised."""
    return _KINDS.get(scheme, _UNTRIED)
