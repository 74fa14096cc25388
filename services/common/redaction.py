"""Keeps secrets out of logs: what has the name of a secret, or looks like one, is not written. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

HIDDEN: Final = "***"
_SECRET_NAME: Final = re.compile(r"(^|_)(token|tokens|secret|password|passwd|authorization|credentials?|api_?key)$")
_SECRET_TEXT: Final = re.compile(
    r"(?P<bearer>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"
    r"|(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/@]+@"
    r"|(?P<query>[?&;](?:token|secret|password|signature|x-amz-signature|access_key|secret_key)=)[^&\s]+",
    re.IGNORECASE,
)


def redacted(value: Any) -> Any:
    """Return a value of a log line without secrets; containers are searched, numbers and None stay as they are."""
    if isinstance(value, str):
        return _SECRET_TEXT.sub(_hidden, value) if ("://" in value or " " in value or "=" in value) else value
    if isinstance(value, Mapping):
        return {key: _of_name(str(key), each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redacted(each) for each in value]
    return value


def _of_name(name: str, value: Any) -> Any:
    """Hide what a secret's name promises; that there is none, or a yes or no, is no secret."""
    is_secret = _SECRET_NAME.search(name.lower().replace("-", "_")) is not None
    return HIDDEN if is_secret and value and not isinstance(value, bool) else redacted(value)


def _hidden(found: re.Match[str]) -> str:
    kept = found["bearer"] or found["query"]
    return f"{kept}{HIDDEN}" if kept else f"{found['scheme']}{HIDDEN}@"
