"""Bearer tokens: how one is made, the digest by which it is known, and the file in which its holder keeps it."""

import hashlib
import secrets
from pathlib import Path
from typing import Final

from services.common.errors import SettingsInvalid
from services.common.security.files import read_file

_PREFIX: Final = "sha256:"
_RANDOM_BYTES: Final = 32
"""As many as the digest has: nobody guesses it, so that a plain, quick digest keeps it as well as a slow one would."""

_MOST_CHARACTERS: Final = 4_096
"""Half of what gRPC takes as metadata of a call."""


def new_token() -> str:
    """Return a new token, fit for a file, a header and a shell."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def digest_of(token: str) -> str:
    """Return what the access file says of a token; who reads it can't call with it."""
    return _PREFIX + hashlib.sha256(token.encode()).hexdigest()


def read_token(path: Path) -> str:
    """Return the token in a file.

    Raises:
        SettingsInvalid: the file can't be read, or holds another thing than one word of ASCII that fits into a header.
    """
    words = read_file(path, field="token_file").decode("utf-8", "replace").split()
    if len(words) == 1 and len(words[0]) > _MOST_CHARACTERS:
        raise SettingsInvalid(
            f"{path} holds {len(words[0]):,} characters, and gRPC ends calls with such long headers: "
            f"{_MOST_CHARACTERS:,} at most; `aisle token` makes a shorter one",
            field="token_file",
        )
    if len(words) != 1 or not words[0].isascii() or not words[0].isprintable():
        raise SettingsInvalid(f"{path} holds no token: one word is expected", field="token_file")
    return words[0]
