"""Secrets never reach the log."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.redaction import HIDDEN, redacted

SECRET = "s3cr3t-Value.9"


@pytest.mark.parametrize(
    "text",
    [
        f"authorization: Bearer {SECRET}",
        f"s3://key:{SECRET}@bucket/prefix",
        f"GET https://host/path?X-Amz-Signature={SECRET}&part=1",
        f"failed: redis://{SECRET}@host, again in 1 s",
        f"https://host/?token={SECRET}",
    ],
)
def test_a_secret_in_a_text_is_hidden(text: str) -> None:
    """Wherever addresses and headers carry them; the rest of the text stays."""
    said = redacted(text)
    assert SECRET not in said
    assert HIDDEN in said
    assert said.split(HIDDEN, maxsplit=1)[0] in text


@given(st.sampled_from(["token", "api-key", "AUTHORIZATION", "client_secret", "tokens", "db_password"]))
def test_a_secret_s_name_hides_its_value(name: str) -> None:
    """At any depth of what is logged."""
    line = {"event": "settings", "nested": [{name: SECRET}, {name: [SECRET]}]}
    assert SECRET not in json.dumps(redacted(line))


@pytest.mark.parametrize(
    "harmless",
    [
        {"tokens": 0, "token": None, "has_token": True, "token_file": "/etc/aisle/tokens"},
        {"url": "http://127.0.0.1:8001/metrics?name=a", "seconds": 0.25, "ids": ["a", "b"]},
        {"error": "model embedder can't be reached; mail the owner@shop", "reason": "MODEL_UNAVAILABLE"},
    ],
)
def test_what_is_no_secret_stays(harmless: dict[str, object]) -> None:
    """Paths of secrets, numbers of tokens, addresses without a password."""
    assert redacted(harmless) == harmless
