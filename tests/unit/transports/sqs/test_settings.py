"""URLs of SQS."""

from __future__ import annotations

import pytest

from transports import Refused
from transports.sqs.settings import Settings, read_settings


def test_everything_has_a_default() -> None:
    assert read_settings("sqs://", {}) == Settings()


def test_an_access_key_is_decoded_and_not_shown() -> None:
    settings = read_settings("sqs://AKIA:a%2Fb%2Bc@eu-west-1?prefix=orders-&poll_seconds=20", {"broadcasts": False})
    assert (settings.region, settings.key, settings.secret) == ("eu-west-1", "AKIA", "a/b+c")
    assert (settings.prefix, settings.poll_seconds, settings.broadcasts) == ("orders-", 20, False)
    assert "a/b+c" not in repr(settings) + settings.where


@pytest.mark.parametrize(
    "url",
    [
        "sqs://eu-west-1:9324",
        "sqs://eu-west-1:port",
        "sqs://eu-west-1/queue",
        "sqs://eu_west_1",
        "sqs://:hidden@eu-west-1",
        "sqs://AKIA@eu-west-1",
        "sqs://?colour=red",
        "sqs://?broadcasts=perhaps",
        "sqs://?visibility_seconds=43201",
        "sqs://?limit_bytes=2000000",
        "sqs://?endpoint_url=ftp://host",
        "sqs://?endpoint_url=http://host:port",
        "sqs://?endpoint_url=http://me:hidden@host",
    ],
)
def test_what_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(Refused) as caught:
        read_settings(url, {})
    assert "hidden" not in str(caught.value)
