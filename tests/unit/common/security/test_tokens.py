"""Tokens: each is another, its digest is what the access file holds, and its file holds nothing else."""

from pathlib import Path

import pytest

from services.common.errors import SettingsInvalid
from services.common.security.tokens import digest_of, new_token, read_token


def test_a_new_token_is_like_no_other(tmp_path: Path) -> None:
    """Long enough not to be guessed, and it survives a file with a line's end."""
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 40
    (tmp_path / "token").write_text(f"{new_token()}\n")
    assert len(read_token(tmp_path / "token")) >= 40


def test_a_digest_is_what_sha256sum_says() -> None:
    """So that it can be made without Aisle."""
    assert digest_of("abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("content", [b"", b" \n", b"two words", "schlüssel".encode(), b"\xff\xfe", b"a\x00b"])
def test_another_thing_than_one_word_is_refused(tmp_path: Path, content: bytes) -> None:
    """It could not be sent, or is the wrong file; what it holds is not repeated."""
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(SettingsInvalid, match="holds no token: one word is expected") as refused:
        read_token(tmp_path / "token")
    assert "two" not in refused.value.message.removeprefix(str(tmp_path))


def test_a_token_that_no_call_takes_is_refused(tmp_path: Path) -> None:
    """gRPC would end each call as if nobody was there."""
    path = tmp_path / "token"
    path.write_text("x" * 4_096)
    assert len(read_token(path)) == 4_096
    path.write_text("x" * 40_000)
    with pytest.raises(SettingsInvalid, match=r"token holds 40,000 characters, .* 4,096 at most"):
        read_token(path)
