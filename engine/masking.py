"""Keeping passwords out of everything that people read: errors, logs, and what a value prints as."""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"

# From the first colon after the user to the last @ of the word: a password that should have been percent-encoded may
# hold any sign, and hiding too much of a URL is better than too little.
_USER_INFO = re.compile(r"([a-z][a-z0-9+.-]*://[^\s:@/]*):\S*@", re.IGNORECASE)
_KEY = r"(?:access|account|api|private|shared)[-_.]?(?:access)?[-_.]?key"
_SENSITIVE = rf"pass(?:word|wd|phrase)?(?!ive)|pwd|secret|token|credentials?|{_KEY}|sig|sas"
# name=value, in the query of a URL or in a connection string.
_PARAMETER = re.compile(rf"((?:^|[?&;\s])[\w.-]*(?:{_SENSITIVE})[\w.-]*=)[^&;\s]+", re.IGNORECASE)
_SECRET_NAME = re.compile(rf"(?:^|[-_.])(?:{_SENSITIVE}|authorization|cookie)$", re.IGNORECASE)


def mask_secrets(text: str) -> str:
    """Return ``text`` with the passwords in its URLs, and the values of parameters that sound secret, as ``***``."""
    if "=" not in text and "@" not in text:
        return text
    return _PARAMETER.sub(rf"\g<1>{MASK}", _USER_INFO.sub(rf"\g<1>:{MASK}@", text))


def names_a_secret(name: str) -> bool:
    """Tell whether a value under this name is to be hidden whole: ``password``, ``api_key``, ``db.token`` ..."""
    return _SECRET_NAME.search(name) is not None
