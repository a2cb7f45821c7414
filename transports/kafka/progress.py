"""How far the consumer of a partition has come, when messages are acknowledged in any order.

Kafka keeps one number for a group and partition, the committed offset, and a text beside it. The offset is that of the
lowest message that is not acknowledged; the text says which of those after it are, so that whoever takes the partition
over does not deliver them again. Another program that commits offsets alone merely loses that.

The text also names the topic that this was committed for. One that is removed and made anew has the same name and
begins at offset 0: what a consumer that does not know yet commits for it would have everybody take its first messages
for acknowledged.
"""

from __future__ import annotations

import base64
import binascii
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOW = 16_384
"""How far messages are handed out beyond the lowest unacknowledged one: their bits fit into the text, of which a broker
takes 4096 bytes (``offset.metadata.max.bytes``)."""
_MARK = "milepost2"


class Committed(NamedTuple):
    """What is committed: the lowest unacknowledged offset, the acknowledged ones above it, and the end of the rest."""

    offset: int
    settled: frozenset[int]
    seen: int


def to_metadata(topic_id: str, offset: int, settled: Iterable[int], seen: int) -> str:
    """Write what stands beside a committed offset."""
    bits = 0
    for each in settled:
        bits |= 1 << (each - offset)
    packed = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    return f"{_MARK}:{topic_id}:{seen - offset}:{base64.b64encode(packed).decode()}"


def from_metadata(topic_id: str, offset: int, text: str | None) -> Committed | None:
    """Read what stands beside a committed offset; what was not written here says nothing.

    None if it was committed for a topic that had the name before.
    """
    mark, _, rest = (text or "").partition(":")
    whose, _, rest = rest.partition(":")
    ahead, _, packed = rest.partition(":")
    if mark != _MARK or not ahead.isdecimal():
        return Committed(offset, frozenset(), offset)
    if whose != topic_id:
        return None
    try:
        bits = int.from_bytes(base64.b64decode(packed, validate=True), "little")
    except (binascii.Error, ValueError):
        return Committed(offset, frozenset(), offset)
    settled = frozenset(offset + place for place in range(bits.bit_length()) if bits >> place & 1)
    return Committed(offset, settled, offset + int(ahead))


class Progress:
    """One partition for as long as this consumer has it. Whoever uses it holds its receiver's lock."""

    def __init__(self, topic: str, topic_id: str, partition: int, queue: str, start: Committed | None) -> None:
        self.topic = topic
        self.topic_id = topic_id
        self.partition = partition
        self.queue = queue
        self.gone = False
        """It may be another consumer's now: nothing is settled here any more."""
        self.held: dict[int, float] = {}
        """Offsets that were handed out and not settled, in order, and since when."""
        self.version = 0
        self.committed_version = 0
        self._settled: set[int] = set(start.settled) if start else set()
        self._seen = start.seen if start else 0
        self._next = start.offset if start else 0

    @property
    def is_due(self) -> bool:
        """Whether something was settled that is not committed."""
        return self.version > self.committed_version

    @property
    def low(self) -> int:
        """The lowest offset that is not settled."""
        return next(iter(self.held), self._next)

    def is_settled(self, offset: int) -> bool:
        """Tell whether a message was settled, by this consumer or one before it."""
        return offset < self.low or offset in self._settled

    def has_room(self, offset: int) -> bool:
        """Tell whether a message may be handed out without losing track."""
        return not self.held or offset - self.low < WINDOW

    def hand_out(self, offset: int) -> bool:
        """Take note that a message is handed out; tell whether it was before."""
        self.held[offset] = time.monotonic()
        self._next = offset + 1
        while self._next in self._settled:
            self._next += 1
        return offset < self._seen

    def settle(self, offset: int) -> bool:
        """Take note that a message is acknowledged; tell whether it was held."""
        if self.gone or self.held.pop(offset, None) is None:
            return False
        self._settled.add(offset)
        self.version += 1
        return True

    def snapshot(self) -> tuple[int, str]:
        """Return the offset to commit, and the text beside it."""
        low = self.low
        self._settled = {offset for offset in self._settled if offset >= low}
        return low, to_metadata(self.topic_id, low, self._settled, max(self._next, self._seen, low))
