"""What is spoiled, late or made up: a process does not start with it, or goes on with what it had, and says so."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc
from structlog.testing import capture_logs

from services.benchmarks.security.authority import Authority
from services.client import Credentials
from services.common.lifecycle import ServerSettings, run
from tests.support.fake_shard_service import NAME, FakeShardService
from tests.support.guarded import Trust, guarded, outcome


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    """An authority, and an access file."""
    return Trust(tmp_path)


@pytest.mark.parametrize(
    ("spoiled", "says"),
    [
        ("server.key", "does not belong to the first certificate in"),
        ("access.yaml", "line 2: not YAML"),
    ],
)
async def test_it_does_not_start_with_what_it_can_t_use(trust: Trust, tmp_path: Path, spoiled: str, says: str) -> None:
    """The log says which file and why, and nothing was bound."""
    other = Authority().issue(tmp_path / "..", "other")
    (tmp_path / spoiled).write_bytes(other.key.read_bytes() if spoiled == "server.key" else b"callers: [")
    service = FakeShardService()
    with capture_logs() as log:
        settings = {**trust.tls, "access_file": trust.access}
        assert await run(service, ServerSettings.model_validate(settings)) == 1
    failed = next(line for line in log if line["event"] == "start_failed")
    assert failed["reason"] == "SETTINGS_INVALID"
    assert says in failed["error"]
    assert spoiled in failed["error"]
    assert service.closed == 1
    assert "bound" not in [line["event"] for line in log]


async def test_a_key_that_does_not_fit_is_not_taken_while_it_serves(trust: Trust) -> None:
    """It says so and goes on with the one before; the right one, when it comes, is taken by the next handshake."""
    async with guarded(**trust.tls) as served:
        fitting = trust.server.key.read_bytes()
        trust.server.key.write_bytes(Authority().issue(trust.folder, "other").key.read_bytes())
        assert await served.search(Credentials(tls_ca=trust.ca)) == "OK"
        assert "does not belong" in (await served.logged("files_refused"))["error"]
        trust.server.key.write_bytes(fitting)
        renewed = datetime(2041, 1, 1, tzinfo=UTC)
        trust.authority.issue(trust.folder, "server", not_after=renewed)
        assert await served.search(Credentials(tls_ca=trust.ca)) == "OK"
        await served.logged("files_reloaded")


async def test_a_certificate_that_has_expired_is_not_taken(trust: Trust) -> None:
    """Not while it serves, and not at the start: no caller would accept it."""
    async with guarded(**trust.tls) as served:
        trust.authority.issue(trust.folder, "server", not_after=datetime.now(UTC) - timedelta(days=1))
        assert await served.search(Credentials(tls_ca=trust.ca)) == "OK"
        assert "renew it" in (await served.logged("files_refused"))["error"]
    with capture_logs() as log:
        assert await run(FakeShardService(), ServerSettings.model_validate(trust.tls)) == 1
    assert "server.pem expired on" in next(line["error"] for line in log if line["event"] == "start_failed")


async def test_a_certificate_that_holds_later_is_said(trust: Trust) -> None:
    """At the start there is no other: once it holds, nothing has to be done."""
    trust.authority.issue(trust.folder, "server", not_before=datetime.now(UTC) + timedelta(hours=1))
    async with guarded(**trust.tls) as served:
        await served.logged("certificate_not_yet_valid")
        assert await served.search(Credentials(tls_ca=trust.ca)) == "UNAVAILABLE"


async def test_a_certificate_that_holds_later_is_taken_later(trust: Trust) -> None:
    """Until then the one before is shown, whose end is the one to be told."""
    first, second = datetime(2041, 1, 1, tzinfo=UTC), datetime(2042, 1, 1, tzinfo=UTC)
    trust.authority.issue(trust.folder, "server", not_after=first)
    async with guarded(**trust.tls) as served:
        holds_from = datetime.now(UTC) + timedelta(seconds=3)
        trust.authority.issue(trust.folder, "server", not_before=holds_from, not_after=second)
        assert await served.search(Credentials(tls_ca=trust.ca)) == "OK"
        await served.logged("certificate_not_yet_valid")
        assert served.value("aisle_searcher_certificate_expires_seconds") == first.timestamp()
        await asyncio.sleep((holds_from - datetime.now(UTC)).total_seconds() + 1.5)
        assert await served.search(Credentials(tls_ca=trust.ca)) == "OK"
        assert served.value("aisle_searcher_certificate_expires_seconds") == second.timestamp()


async def test_an_authority_that_is_taken_out_is_not_trusted_while_a_certificate_is_waited_for(trust: Trust) -> None:
    """The certificate before is shown meanwhile, but whom to trust is told by the files as they are now."""
    mine, theirs = Authority(), trust.certificate("gateway")
    ours = trust.certificate("gateway", mine)
    mine.write(trust.ca.with_name("callers.pem"), trust.authority)
    settings = {**trust.mutual_tls, "tls_client_ca": trust.ca.with_name("callers.pem")}
    async with guarded(**settings) as served:
        assert [await served.search(each) for each in (ours, theirs)] == ["OK", "OK"]
        trust.authority.issue(trust.folder, "server", not_before=datetime.now(UTC) + timedelta(hours=1))
        mine.write(trust.ca.with_name("callers.pem"))
        assert [await served.search(each) for each in (ours, theirs)] == ["OK", "UNAVAILABLE"]
        assert [await served.search(each) for each in (ours, theirs)] == ["OK", "UNAVAILABLE"]


async def test_who_looks_for_a_method_that_is_not_here_is_asked_who_it_is(trust: Trust) -> None:
    """It is counted and logged as any call is, under one name: what callers make up is no label."""
    async with guarded(**trust.tls, access_file=trust.access) as served:
        seen = {}
        for method in (f"/{NAME}/Delete", "/aisle.operator.v1.OperatorService/Stop", "/" + "x" * 5_000):
            for word in ("wrong", "right", "watch"):
                async with served.open(trust.token(word)) as channel:
                    call: Any = channel.unary_unary(method, None, None)
                    seen[method[-6:], word] = await outcome(call(b"", timeout=5))
        assert seen == {
            ("Delete", "wrong"): "UNAUTHENTICATED",
            ("Delete", "right"): "UNIMPLEMENTED",
            ("Delete", "watch"): "PERMISSION_DENIED",
            ("e/Stop", "wrong"): "UNAUTHENTICATED",
            ("e/Stop", "right"): "PERMISSION_DENIED",
            ("e/Stop", "watch"): "UNIMPLEMENTED",
            ("xxxxxx", "wrong"): "UNAUTHENTICATED",
            ("xxxxxx", "right"): "PERMISSION_DENIED",
            ("xxxxxx", "watch"): "UNIMPLEMENTED",
        }
        assert served.value("aisle_searcher_rpcs_total", method="unknown", code="UNAUTHENTICATED") == 3
        assert served.callers()["unknown", "unauthenticated"] == 3
        asked = [line["asked"] for line in served.log if line["event"] == "request"]
        assert len(asked) == 9
        assert max(map(len, asked)) == 128


async def test_an_access_file_that_is_spoiled_while_it_serves_changes_nothing(trust: Trust) -> None:
    """The one before holds, and the log says what is wrong, without a token."""
    for spoiled, says in (
        ("rights: [search, rule]", "callers.0.rights.1"),
        ("rights: [search], token: s3cret", "token"),
    ):
        async with guarded(**trust.tls, access_file=trust.access) as served:
            before = trust.access.read_text()
            trust.access.write_text(before.replace("rights: [search]", spoiled))
            refused = await served.logged("files_refused")
            assert says in refused["error"]
            assert "s3cret" not in str(served.log)
            assert await served.search(trust.token("right")) == "OK"
            trust.access.write_text(before)


async def test_a_token_that_is_spoiled_is_not_sent(trust: Trust) -> None:
    """Whatever is written over it, the one before goes on, and neither is in a line."""
    shown = trust.token("right")
    assert shown.token_file is not None
    async with guarded(**trust.tls, access_file=trust.access) as served, served.open(shown) as channel:
        stub: Any = shard_pb2_grpc.ShardServiceStub(channel)
        for garbage in (b"\xff\x00\xfe", b"two s3cret words", b""):
            served.log.clear()
            shown.token_file.write_bytes(garbage)
            await served.logged("files_refused")
            assert "s3cret" not in str(served.log)
            assert await outcome(stub.Search(shard_pb2.SearchRequest(), timeout=5)) == "OK"
