"""What a URL says."""

from __future__ import annotations

import pytest

from transports import Refused
from transports.azureservicebus.settings import Settings, read_settings


def read(url: str, **options: object) -> Settings:
    return read_settings(url, options)


def test_a_namespace_alone_leaves_who_we_are_to_azure() -> None:
    settings = read("azureservicebus://ours.servicebus.windows.net/?prefix=a.&lock_seconds=30")
    assert (settings.host, settings.connection_string) == ("ours.servicebus.windows.net", None)
    assert (settings.prefix, settings.topic, settings.lock_seconds) == ("a.", "a.__broadcasts", 30.0)


def test_a_policy_and_its_key_are_percent_decoded() -> None:
    settings = read("azureservicebus://our%20policy:a%2Fb%2B%3D@ours.servicebus.windows.net")
    assert settings.connection_string == (
        "Endpoint=sb://ours.servicebus.windows.net;SharedAccessKeyName=our policy;SharedAccessKey=a/b+="
    )


def test_a_connection_string_is_taken_as_it_is() -> None:
    given = "Endpoint=sb://ours.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=k="
    settings = read("azureservicebus://", connection_string=given)
    assert (settings.host, settings.connection_string, settings.emulator) == (
        "ours.servicebus.windows.net",
        given,
        False,
    )


def test_an_emulator_has_ports() -> None:
    settings = read("azureservicebus://n:k@localhost:5672/?emulator=yes&management_port=5301")
    assert (settings.host, settings.emulator, settings.management_port) == ("localhost:5672", True, 5301)
    assert settings.connection_string is not None
    assert settings.connection_string.endswith(";UseDevelopmentEmulator=true")
    given = "Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true;"
    assert read("azureservicebus://", connection_string=given).management_port == 5300


def test_settings_show_no_secrets() -> None:
    assert "secret" not in repr(read("azureservicebus://n:secret@ours.servicebus.windows.net"))


@pytest.mark.parametrize(
    "url",
    [
        "azureservicebus://",
        "azureservicebus://n@ours.example",
        "azureservicebus://:k@ours.example",
        "azureservicebus://n:k%3BEndpoint=x@ours.example",
        "azureservicebus://ours.example:bad",
        "azureservicebus://ours.example?connection_string=Endpoint%3Dsb://a",
        "azureservicebus://?connection_string=Endpoint%3Dsb://a",
        "azureservicebus://?connection_string=SharedAccessKey%3Dk",
    ],
)
def test_what_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        read(url)
