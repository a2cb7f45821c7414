"""Time zones by their names in the IANA data, and the offsets from UTC that they have at a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from engine.rules.feel.days import date_numbered
from engine.rules.feel.values import Date

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
# Names that mean the zone of this machine, or none: what a text means must not depend on where it is read.
_NOT_ZONES: Final = frozenset({"localtime", "posixrules", "Factory"})
_SECONDS_OF_DAY: Final = 86_400
_NO_TIME: Final = timedelta()


def is_zone(name: str) -> bool:
    """Tell whether there is a time zone of that name."""
    return _zone(name) is not None


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    if name in _NOT_ZONES or len(name) > 64 or _NAME.fullmatch(name) is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there, no such name, a folder of zones
        return None


def offset_at_local(name: str, day: int, second: int) -> int:
    """Return the offset in seconds of a zone when its clocks show ``second`` of ``day`` (days since 1970).

    A time that clocks show twice is the first of the two; one that they pass over counts by the clock before.
    """
    return _offset(_zone(name), day, second)


def offset_at_instant(name: str, epoch_second: int) -> int:
    """Return the offset in seconds of a zone at a moment, in seconds since 1970 in UTC."""
    zone = _zone(name)
    day, second = divmod(epoch_second, _SECONDS_OF_DAY)
    if zone is None:
        return 0
    local = _moment(day, second).replace(tzinfo=UTC).astimezone(zone)
    return _seconds(local.utcoffset())


@lru_cache(maxsize=1024)
def standard_offset(name: str) -> int:
    """Return the offset in seconds that a zone has outside of daylight saving time: that of a time without a date."""
    moment = datetime(2000, 1, 1, tzinfo=_zone(name))
    return _seconds(moment.utcoffset()) - _seconds(moment.dst())


def _offset(zone: ZoneInfo | None, day: int, second: int) -> int:
    return 0 if zone is None else _seconds(_moment(day, second).replace(tzinfo=zone).utcoffset())


def _moment(day: int, second: int) -> datetime:
    """Return the time as Python's, years that Python lacks replaced by alike ones, as the calendar repeats itself."""
    date = date_numbered(day) or Date(2000, 1, 1)
    year = date.year
    if year > 9_998:
        year = 9_200 + year % 400
    elif year < 2:
        year = 2 + (year - 2) % 400
    return datetime(year, date.month, date.day, second // 3600, second // 60 % 60, second % 60)  # noqa: DTZ001 - local


def _seconds(offset: timedelta | None) -> int:
    return int((offset or _NO_TIME).total_seconds())
