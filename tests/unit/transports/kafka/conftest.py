"""Topics of one test, and how other programs reach the broker."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

import pytest
from confluent_kafka.admin import AdminClient


@pytest.fixture
def prefix() -> str:
    return f"t{secrets.token_hex(4)}."


@pytest.fixture
def plain(kafka_url: str) -> dict[str, Any]:
    """What configures a client of the library."""
    address = urlsplit(kafka_url)
    return {
        "bootstrap.servers": f"127.0.0.1:{address.port}",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": address.username,
        "sasl.password": address.password,
    }


@pytest.fixture
def admin(plain: dict[str, Any]) -> AdminClient:
    return AdminClient(plain)
