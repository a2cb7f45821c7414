"""No password survives masking, however it is written into a URL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.masking import mask_secrets, names_a_secret

PASSWORDS = st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), min_size=1)


@given(PASSWORDS, st.sampled_from(["postgresql", "mysql+pymysql", "amqps", "redis"]), st.sampled_from(["", "me"]))
def test_a_password_in_a_url_is_replaced_whole(password: str, scheme: str, user: str) -> None:
    assert mask_secrets(f"{scheme}://{user}:{password}@host:1/db") == f"{scheme}://{user}:***@host:1/db"


@pytest.mark.parametrize(
    "text, masked",
    [
        ("sqlite:///milepost.db", "sqlite:///milepost.db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("cannot reach amqp://a:b@c, nor amqp://d:e@f now", "cannot reach amqp://a:***@c, nor amqp://d:***@f now"),
        ("postgresql:///db?user=me&password=pw&x=1", "postgresql:///db?user=me&password=***&x=1"),
        ("kafka://h?sasl.password=pw", "kafka://h?sasl.password=***"),
        ("amqp://h?passive=yes&pass=pw", "amqp://h?passive=yes&pass=***"),
        (
            "Endpoint=sb://n/;SharedAccessKeyName=root;SharedAccessKey=a+b=",
            "Endpoint=sb://n/;SharedAccessKeyName=***;SharedAccessKey=***",
        ),
        ("sqs://?aws_secret_access_key=k&region=eu", "sqs://?aws_secret_access_key=***&region=eu"),
        ("a = b", "a = b"),
        ("mail me@example.com", "mail me@example.com"),
    ],
)
def test_examples(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize("name", ["password", "DB_PASSWORD", "api_key", "auth-token", "secret", "Authorization"])
def test_names_of_secrets(name: str) -> None:
    assert names_a_secret(name)


@pytest.mark.parametrize("name", ["key", "idempotency_key", "passed", "tokens_used", "monkey", "step", "signal"])
def test_other_names(name: str) -> None:
    assert not names_a_secret(name)
