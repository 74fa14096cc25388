"""A token goes to another machine by TLS only, unless somebody says that it is encrypted otherwise."""

from pathlib import Path

import pytest

from services.common.channels import channel_options
from services.common.errors import SettingsInvalid
from services.common.security.credentials import Credentials
from services.common.security.dialling import Dialler

HERE = ("127.0.0.1:50051", "localhost:50051", "[::1]:50051", "ipv4:127.0.0.1:1,127.0.0.2:2", "unix:/run/aisle")
ELSEWHERE = ("gateway:50051", "dns:///gateway.shop:50051", "ipv4:127.0.0.1:1,10.0.0.2:2", "10.0.0.2:50051")


async def opened(target: str, **fields: object) -> str:
    """Return what a caller with a token is told."""
    try:
        channel = Dialler(Credentials.model_validate(fields)).open(target, channel_options())
    except SettingsInvalid as refused:
        return refused.message
    await channel.close(None)
    return "opened"


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A file with one."""
    path = tmp_path / "shop.token"
    path.write_text("s3cret")
    return path


@pytest.mark.parametrize("target", ELSEWHERE)
async def test_a_token_does_not_leave_this_machine_in_clear(token: Path, target: str) -> None:
    """It says which token, to where, and what to do."""
    said = await opened(target, token_file=token)
    assert f"shop.token would go to {target} without TLS" in said
    assert "--tls-ca" in said
    assert "s3cret" not in said
    for fields in ({"tls": True}, {"token_without_tls": True}):
        assert await opened(target, token_file=token, **fields) == "opened"
    assert await opened(target) == "opened"


@pytest.mark.parametrize("target", HERE)
async def test_on_this_machine_there_is_nobody_on_the_way(token: Path, target: str) -> None:
    """Developers need no certificates."""
    assert await opened(target, token_file=token) == "opened"
