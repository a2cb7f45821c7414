"""Looking at the brokers of other programs: those that the settings name, and those that triggers take from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.definitions.loading import load_modules
from engine.doctor.broker import advice
from engine.doctor.findings import Finding, Verdict
from engine.doctor.store import round_trip
from engine.errors import ConfigError, DefinitionError
from engine.masking import mask_secrets
from engine.messaging.destinations import destination_of, open_foreign
from transports.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.config import Settings
    from engine.definitions.trigger import Trigger

BROKERS: Final = "brokers"
TRIGGERS: Final = "triggers"


def look_at_foreign(settings: Settings) -> Iterator[Finding]:
    """Check every broker of other programs, and the queues of triggers. It makes nothing there, and takes nothing."""
    named = {name: url.reveal() for name, url in settings.brokers.items()}
    titles: dict[str, str] = {url: name for name, url in reversed(named.items())}
    queues: dict[str, list[str]] = {url: [] for url in named.values()}
    try:
        triggers = load_modules(settings.flows).triggers if settings.worker.triggers else ()
    except (ConfigError, DefinitionError) as error:
        yield Finding(TRIGGERS, "flows", Verdict.BAD, str(error), "mend the module, or `flows` in the settings")
        triggers = ()
    yield from _sort(triggers, named, queues)
    for broker, wanted in queues.items():
        yield from _look(broker, titles.get(broker, mask_secrets(broker)), wanted)


def _sort(triggers: Sequence[Trigger], named: dict[str, str], queues: dict[str, list[str]]) -> Iterator[Finding]:
    """Put the queues of triggers to their brokers; tell of those that name none that can be used."""
    for trigger in triggers:
        try:
            destination = destination_of(trigger.url, named)
        except ConfigError as error:
            yield Finding(TRIGGERS, trigger.name, Verdict.BAD, str(error), "mend the trigger's URL, or [brokers]")
        else:
            queues.setdefault(destination.broker, []).append(destination.queue)


def _look(broker: str, title: str, queues: Sequence[str]) -> Iterator[Finding]:
    where = f"[brokers] {title}" if title != mask_secrets(broker) else f"the URL of the trigger for {title}"
    try:
        transport = open_foreign(broker)
    except (ConfigError, TransportError) as error:
        yield Finding(BROKERS, title, Verdict.BAD, str(error), f"mend {where}")
        return
    try:
        seconds = round_trip(transport.ping)
        yield Finding(BROKERS, title, Verdict.GOOD, f"{mask_secrets(broker)} answers, in {seconds * 1000:.1f} ms")
    except TransportError as error:
        yield Finding(BROKERS, title, Verdict.BAD, str(error), advice(error, where))
    else:
        for queue in queues:
            try:
                transport.declare([queue])
                yield Finding(TRIGGERS, f"queue {queue!r}", Verdict.GOOD, f"is there, on {title}")
            except TransportError as error:
                made = "make the queue, with the tools of its broker; triggers take from it as soon as it is there"
                yield Finding(TRIGGERS, f"queue {queue!r}", Verdict.BAD, str(error), made)
    finally:
        transport.close()
