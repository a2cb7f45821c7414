"""What URLs of stores and brokers are accepted. No message here quotes a URL: it may hold a password anywhere."""

from __future__ import annotations

import importlib.util
import re
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from engine.config.suggestions import did_you_mean

_ENCODE: Final = "percent-encode signs such as @ : / # in its user and password, e.g. @ as %40"
_LOOKS: Final = "it looks like sqlite:///file.db or postgresql://user:password@host/database"

# What may stand before the driver's name, and what SQLAlchemy is to be given where no driver is named.
STORE_DRIVERS: Final = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
# Driver: the module it is, and the extra that installs it.
_MODULES: Final = {"psycopg": ("psycopg", "postgresql"), "pymysql": ("pymysql", "mysql")}
_EMBEDDED: Final = frozenset({"sql"})
_BY_NAME: Final = "broker"
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)


def check_store_url(text: str) -> None:
    """Raise ValueError, with what to do, if no store can be opened with this URL here."""
    scheme, separator, _ = text.partition("://")
    if not separator:
        raise ValueError(f"must be a URL with '://' in it: {_LOOKS}")
    backend, _, driver = scheme.partition("+")
    if backend not in STORE_DRIVERS:
        hint = did_you_mean(backend, ("sqlite", "postgresql", "mysql", "mariadb"))
        raise ValueError(f"must be on sqlite, postgresql, mysql or mariadb, not on {backend!r}{hint}")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # What was raised quotes a part of the URL, which may be a part of the password.
        url = None
    if url is None or "@" in (url.host or "") or url.get_backend_name() not in STORE_DRIVERS:
        raise ValueError(f"must be a URL that can be read: {_LOOKS}; {_ENCODE}")
    if backend != "sqlite" and not (url.database or url.query):
        raise ValueError("must name a database after the host, e.g. postgresql://user:password@host/milepost")
    _check_driver(driver or STORE_DRIVERS[backend].partition("+")[2])


def _check_driver(driver: str) -> None:
    module, extra = _MODULES.get(driver, ("", ""))
    if module and importlib.util.find_spec(module) is None:
        raise ValueError(f"needs the driver {driver}, which is not installed: pip install 'milepost[{extra}]'")


def store_backend(text: str) -> str:
    """Return sqlite, postgresql or mysql."""
    name = text.partition(":")[0].partition("+")[0]
    return {"postgres": "postgresql", "mariadb": "mysql"}.get(name, name)


def check_broker_url(text: str) -> None:
    """Raise ValueError if this is neither an embedded transport nor shaped like a URL."""
    if text in _EMBEDDED:
        return
    if not _is_url(text):
        hint = did_you_mean(text, _EMBEDDED) if text.isidentifier() else ""
        raise ValueError(
            f"must be 'sql' for the queue inside the store, or a URL such as amqp://user:password@host{hint}"
        )


def check_named_broker_url(text: str) -> None:
    """Raise ValueError if this is not shaped like the URL of a broker, or is one that itself goes by a name."""
    if not _is_url(text):
        raise ValueError("must be the URL of a broker, such as kafka://host:9092")
    if text.partition("://")[0].lower() == _BY_NAME:
        raise ValueError("must be the broker's own URL: a name cannot stand for another name")


def _is_url(text: str) -> bool:
    scheme, separator, _ = text.partition("://")
    return bool(separator) and _SCHEME.fullmatch(scheme) is not None
