"""Who is let in, what refusals say, what is counted, and that a stream is slowed down where a call would be refused."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from services.common.errors import AisleError, PermissionDenied, RateLimited, Unauthenticated
from services.common.requests import Request
from services.common.security.access import NOBODY, Access
from services.common.security.files import Reloading, read_file
from services.common.security.gatekeeper import Gatekeeper
from services.common.security.tokens import digest_of
from tests.support.virtual_time import run_virtually

SEARCH = "/aisle.search.v1.SearchService/Search"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


class Call:
    """A call's context, as far as it says who calls."""

    def __init__(self, *sent: tuple[str, str | bytes], names: Sequence[bytes] | None = None) -> None:
        self._sent = sent
        self._names = names

    def invocation_metadata(self) -> Any:
        return self._sent

    def peer_identities(self) -> Any:
        return self._names


def bearer(token: str) -> Call:
    """A call with a token."""
    return Call(("user-agent", "test"), ("authorization", f"Bearer {token}"))


class Record:
    """What was counted."""

    def __init__(self) -> None:
        self.calls = Counter[tuple[str, str]]()

    def came(self, caller: str, outcome: str) -> None:
        self.calls[caller, outcome] += 1


class Door:
    """A gatekeeper with its clock, file and record."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "access.yaml"
        self.now = 100.0
        self.record = Record()
        self.write("old")
        self.access = Reloading((self.file,), lambda: Access.from_text(read_file(self.file, field="f"), "access"))
        self.keeper = Gatekeeper(self.access, self.record, lambda: self.now)

    def write(self, *tokens: str, rate: float = 2, burst: int = 3) -> None:
        """Let the shop in with these tokens, and the gateway with its certificate."""
        digests = [digest_of(token) for token in tokens]
        self.file.write_text(f"""
            callers:
              - {{name: shop, tokens: {digests}, rights: [search], calls_per_second: {rate}, burst: {burst}}}
              - {{name: gateway, certificates: [gateway.aisle.svc], rights: [search, operate]}}
        """)

    def admit(self, call: Call, method: str = SEARCH, *, is_stream: bool = False) -> str:
        """Return the name of the caller who is let in."""
        context: Any = call
        return self.keeper.admit(method, context, is_stream=is_stream).name

    def refusal(self, call: Call, method: str = SEARCH) -> AisleError:
        """Return why a caller is not let in."""
        with pytest.raises(AisleError) as refused:
            self.admit(call, method)
        return refused.value


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_a_token_and_a_certificate_open(door: Door) -> None:
    """Either; the scheme's case does not matter, as HTTP has it."""
    assert door.admit(bearer("old")) == "shop"
    assert door.admit(Call(("authorization", "bearer old"))) == "shop"
    assert door.admit(Call(names=[b"10.0.0.1", b"gateway.aisle.svc"])) == "gateway"
    assert door.admit(Call(names=[b"gateway.aisle.svc"]), REFLECTION) == "gateway"
    assert door.record.calls == {("shop", "admitted"): 2, ("gateway", "admitted"): 2}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (Call(), "no token was sent"),
        (bearer("wrong"), "the token is not known here"),
        (bearer(""), "the token is not known here"),
        (bearer(digest_of("old")), "the token is not known here"),
        (Call(("authorization", "Basic b2xk")), "the token is not known here"),
        (Call(("authorization", b"Bearer old")), "the token is not known here"),
        (Call(names=[b"somebody.else", b"\xff"]), "nobody here has a certificate for somebody.else"),
        (Call(("authorization", "Bearer wrong"), names=[b"gateway.aisle.svc"]), "the token is not known here"),
    ],
)
def test_nobody_else_is_let_in(door: Door, call: Call, says: str) -> None:
    """And it is counted; a wrong token is not made good by a right certificate."""
    refusal = door.refusal(call)
    assert isinstance(refusal, Unauthenticated)
    assert says in refusal.message
    assert "wrong" not in refusal.message
    assert door.record.calls == {(NOBODY, "unauthenticated"): 1}


def test_the_right_token_without_the_right_is_refused(door: Door) -> None:
    """It says which right is missing."""
    refusal = door.refusal(bearer("old"), REFLECTION)
    assert isinstance(refusal, PermissionDenied)
    assert "caller shop has not the right 'operate'" in refusal.message
    assert door.record.calls == {("shop", "permission_denied"): 1}


def test_a_caller_s_rate_is_its_own(door: Door) -> None:
    """Three at once and two a second; who comes too often is told when to come back, and others notice nothing."""
    for _ in range(3):
        door.admit(bearer("old"))
    refusal = door.refusal(bearer("old"))
    assert isinstance(refusal, RateLimited)
    assert refusal.retry_after_seconds == 0.5
    assert door.admit(Call(names=[b"gateway.aisle.svc"])) == "gateway"
    door.now += 0.5
    assert door.admit(bearer("old")) == "shop"
    assert door.record.calls["shop", "rate_limited"] == 1


def test_a_changed_file_holds_for_the_next_call(door: Door) -> None:
    """Both tokens while they change, then the new one alone; the caller's allowance is not filled up by that."""
    for _ in range(2):
        door.admit(bearer("old"))
    door.write("old", "new")
    assert door.access.look()
    assert door.admit(bearer("new")) == "shop"
    assert isinstance(door.refusal(bearer("new")), RateLimited)
    door.write("new")
    assert door.access.look()
    assert isinstance(door.refusal(bearer("old")), Unauthenticated)


def test_the_request_s_line_names_the_caller(door: Door) -> None:
    """Of a refused one, too, once it is known."""
    with Request("1", "Search", lambda: 0.0, lambda _: None, lambda _: None) as request:
        door.refusal(bearer("old"), REFLECTION)
    assert request.facts == {"caller": "shop"}


async def numbers(count: int) -> AsyncIterator[int]:
    """A stream's messages."""
    for number in range(count):
        yield number


def test_a_stream_is_slowed_down(tmp_path: Path) -> None:
    """Its messages count, not the call: ten of them take as long as the rate says, and none is lost."""

    async def through() -> tuple[list[int], float]:
        door, clock = Door(tmp_path), asyncio.get_running_loop().time
        keeper = Gatekeeper(door.access, door.record, clock)
        context: Any = bearer("old")
        keeper.admit(SEARCH, context, is_stream=True)
        began = clock()
        return [number async for number in keeper.paced(SEARCH, context, numbers(10))], clock() - began

    came, seconds = run_virtually(through())
    assert came == list(range(10))
    assert seconds == pytest.approx(3.5)


async def test_a_stream_that_is_open_is_held_to_a_changed_file(door: Door) -> None:
    """A rate that was lowered holds for its next message, and one whose token is gone ends with that."""
    context: Any = bearer("old")
    door.keeper.admit(SEARCH, context, is_stream=True)
    messages = door.keeper.paced(SEARCH, context, numbers(9))
    assert [await anext(messages) for _ in range(3)] == [0, 1, 2]
    door.write("old", rate=0.5, burst=1)
    assert door.access.look()
    assert await anext(messages) == 3
    slowed = asyncio.ensure_future(anext(messages))
    await asyncio.sleep(0.01)
    assert not slowed.done()
    door.now += 2.0
    assert await asyncio.wait_for(slowed, 5) == 4
    door.write("new")
    assert door.access.look()
    with pytest.raises(Unauthenticated):
        await anext(messages)
    assert door.record.calls == {("shop", "admitted"): 1, (NOBODY, "unauthenticated"): 1}
