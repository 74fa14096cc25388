"""Certificates, their authority and a token changed under load: `python -m services.benchmarks.security.rotation`.

In the order that docs/security.md gives: what is new is known everywhere before anybody shows it, and what is old is
forgotten after nobody does.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc.aio
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc

from services.benchmarks.security.authority import Authority
from services.benchmarks.security.echo import echo
from services.common.channels import channel_options
from services.common.replacing import write_in_one_step
from services.common.security.credentials import Credentials
from services.common.security.dialling import Dialler
from services.common.security.tokens import digest_of, new_token

_STEP_SECONDS: Final = 2.0
"""Files are looked at once a second."""
_IN_FLIGHT: Final = 4
_TIMEOUT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Rotation:
    """What became of the calls.

    Attributes:
        answered: how many were.
        failed: the others, by status code.
        old_certificate: what came of a new connection with the first certificate, in the end: a status code.
        old_token: what came of the first token, in the end.
    """

    answered: int
    failed: Mapping[str, int]
    old_certificate: str
    old_token: str

    @property
    def is_sound(self) -> bool:
        """Whether no call failed, and what is old opens nothing any more."""
        refused = (self.old_certificate, self.old_token) == ("UNAVAILABLE", "UNAUTHENTICATED")
        return self.answered > 0 and not self.failed and refused


async def rotate_under_load(folder: Path, *, step_seconds: float = _STEP_SECONDS) -> Rotation:
    """Change everything once while a client calls without a pause.

    Args:
        folder: for certificates, tokens and logs.
        step_seconds: time between two changes; above a second, for files are looked at so often.
    """
    first, second = Authority(), Authority()
    (folder / "first").mkdir()
    old = _credentials(folder / "first", first.write(folder / "first" / "ca.pem"))
    now = _credentials(folder, first.write(folder / "ca.pem"))
    server_ca, access = first.write(folder / "clients.pem"), folder / "access.yaml"
    server = first.issue(folder, "searcher")
    tokens = [new_token(), new_token()]
    for credentials in (old, now):
        first.issue(credentials.files[0].parent, "gateway")
        _write_token(credentials, tokens[0])
    _let_in(access, tokens[:1])

    settings = {
        "tls_certificate": server.certificate,
        "tls_key": server.key,
        "tls_client_ca": server_ca,
        "access_file": access,
    }
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(echo(folder, "echo", **settings))
        channel = await stack.enter_async_context(Dialler(now).open(address, channel_options()))
        outcomes = Counter[str]()
        load = [asyncio.create_task(_call_on(channel, outcomes)) for _ in range(_IN_FLIGHT)]
        for change in (
            lambda: first.issue(folder, "searcher"),
            lambda: first.issue(folder, "gateway"),
            lambda: [first.write(file, second) for file in (server_ca, folder / "ca.pem")],
            lambda: [second.issue(folder, name) for name in ("searcher", "gateway")],
            lambda: [second.write(file) for file in (server_ca, folder / "ca.pem")],
            lambda: _let_in(access, tokens),
            lambda: _write_token(now, tokens[1]),
            lambda: _let_in(access, tokens[1:]),
        ):
            await asyncio.sleep(step_seconds)
            change()
        await asyncio.sleep(step_seconds)
        for caller in load:
            caller.cancel()
        await asyncio.gather(*load, return_exceptions=True)
        old_certificate = await _outcome(address, old)
        old_token = await _outcome(address, now.model_copy(update={"token_file": old.token_file}))
    answered = outcomes.pop("OK", 0)
    return Rotation(answered, outcomes, old_certificate, old_token)


def _credentials(folder: Path, ca: Path) -> Credentials:
    return Credentials(
        tls_ca=ca, tls_certificate=folder / "gateway.pem", tls_key=folder / "gateway.key", token_file=folder / "token"
    )


def _write_token(credentials: Credentials, token: str) -> None:
    assert credentials.token_file is not None
    write_in_one_step(credentials.token_file, token + "\n")


def _let_in(access: Path, tokens: Sequence[str]) -> None:
    digests = ", ".join(f"'{digest_of(token)}'" for token in tokens)
    write_in_one_step(access, f"callers: [{{name: gateway, tokens: [{digests}], rights: [search]}}]\n")


async def _call_on(channel: grpc.aio.Channel, outcomes: Counter[str]) -> None:
    stub: Any = shard_pb2_grpc.ShardServiceStub(channel)
    while True:
        outcomes[await _code(stub)] += 1


async def _outcome(address: str, credentials: Credentials) -> str:
    async with Dialler(credentials).open(address, channel_options()) as channel:
        return await _code(shard_pb2_grpc.ShardServiceStub(channel))


async def _code(stub: Any) -> str:
    try:
        await stub.Search(shard_pb2.SearchRequest(shard="shoes"), timeout=_TIMEOUT_SECONDS)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


async def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(await rotate_under_load(Path(folder)))  # noqa: T201 - what it is run for


if __name__ == "__main__":
    asyncio.run(_main())
