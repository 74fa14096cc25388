"""Who is let in and who is not: real servers with certificates of this test's own, and every way to be refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from structlog.testing import capture_logs

from services.benchmarks.security.authority import Authority
from services.benchmarks.security.hop import hop_cost
from services.benchmarks.security.rotation import rotate_under_load
from services.client import AisleClient, Credentials, Health
from services.client.sync import SyncAisleClient
from services.common.errors import SettingsInvalid
from services.common.lifecycle import ServerSettings, run
from services.common.security.channel import RenewableChannel
from services.common.security.credentials import PLAIN
from services.common.status import failure_of
from tests.support.fake_shard_service import NAME, FakeShardService
from tests.support.guarded import Guarded, Trust, guarded, outcome
from tests.support.servers import serving
from tests.support.triton import free_port


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    """An authority, and an access file."""
    return Trust(tmp_path)


async def test_tokens_open_to_those_with_the_right(trust: Trust) -> None:
    """Each refusal has its code, and all are counted; nothing but the right token reached the service."""
    service = FakeShardService()
    async with guarded(service, **trust.tls, access_file=trust.access) as served:
        without = Credentials(tls_ca=trust.ca)
        codes = [await served.search(each) for each in (without, trust.token("wrong"), trust.token("watch"))]
        assert codes == ["UNAUTHENTICATED", "UNAUTHENTICATED", "PERMISSION_DENIED"]
        assert service._entered.locked()
        assert await served.search(trust.token("right")) == "OK"
        assert served.callers() == {
            ("unknown", "unauthenticated"): 2,
            ("watcher", "permission_denied"): 1,
            ("shop", "admitted"): 1,
        }
        assert served.value("aisle_searcher_rpcs_total", method="Search", code="UNAUTHENTICATED") == 2
        assert all("right" not in str(line) and "wrong" not in str(line) for line in served.log)


async def test_a_refusal_says_what_to_do(trust: Trust) -> None:
    """As every other error does, with a reason for programs."""
    async with guarded(**trust.tls, access_file=trust.access) as served, served.open(trust.token("watch")) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await shard_pb2_grpc.ShardServiceStub(channel).Search(shard_pb2.SearchRequest(), timeout=5)
    failure = failure_of(refused.value)
    assert failure.reason == "PERMISSION_DENIED"
    assert "caller watcher has not the right 'search'" in failure.message


async def test_certificates_open_to_those_that_are_known(trust: Trust) -> None:
    """The gateway's does; another one of the same authority is told from it after the handshake, the rest in it.

    gRPC closes the connection of a handshake that fails: the caller sees UNAVAILABLE, and no call gets anywhere.
    """
    service = FakeShardService()
    yesterday, tomorrow = (datetime.now(UTC) + timedelta(days=days) for days in (-1, 1))
    async with guarded(service, **trust.mutual_tls, access_file=trust.access) as served:
        refused = {
            "none": Credentials(tls_ca=trust.ca),
            "plain": PLAIN,
            "foreign": trust.certificate("gateway", Authority()),
            "expired": trust.certificate("gateway", not_after=yesterday),
            "not yet valid": trust.certificate("gateway", not_before=tomorrow),
            "unknown": trust.certificate("somebody"),
        }
        codes = {name: await served.search(credentials) for name, credentials in refused.items()}
        assert codes == {
            "none": "UNAVAILABLE",
            "plain": "UNAVAILABLE",
            "foreign": "UNAVAILABLE",
            "expired": "UNAVAILABLE",
            "not yet valid": "UNAVAILABLE",
            "unknown": "UNAUTHENTICATED",
        }
        assert service._entered.locked()
        assert served.callers() == {("unknown", "unauthenticated"): 1}
        assert served.value("aisle_searcher_tls_handshakes_total") >= 5
        assert await served.search(trust.certificate("gateway")) == "OK"


async def test_callers_with_a_token_and_callers_with_a_certificate_have_a_port_each(trust: Trust) -> None:
    """gRPC asks for a certificate at a port or does not; at the one that does not a token opens, and nothing else."""
    token_port = free_port()
    async with guarded(**trust.mutual_tls, access_file=trust.access, token_port=token_port) as served:
        both = trust.certificate("gateway").model_copy(update={"token_file": trust.token("right").token_file})
        seen = [
            [await served.search(each, port) for port in (served.port, token_port)]
            for each in (trust.certificate("gateway"), trust.token("right"), both, Credentials(tls_ca=trust.ca), PLAIN)
        ]
        assert seen == [
            ["OK", "UNAUTHENTICATED"],
            ["UNAVAILABLE", "OK"],
            ["OK", "OK"],
            ["UNAVAILABLE", "UNAUTHENTICATED"],
            ["UNAVAILABLE", "UNAVAILABLE"],
        ]


async def test_a_server_of_another_authority_is_not_spoken_to(trust: Trust, tmp_path: Path) -> None:
    """Nor one with another name: tokens go to the right one only."""
    other = Authority().write(tmp_path / "other.pem")
    async with guarded(**trust.tls) as served:
        assert await served.search(Credentials(tls_ca=other)) == "UNAVAILABLE"
        assert await served.search(Credentials(tls_ca=trust.ca, tls_server_name="another")) == "UNAVAILABLE"
        assert await served.search(Credentials(tls_ca=trust.ca, tls_server_name="server")) == "OK"


async def test_a_certificate_that_is_refused_is_not_taken(trust: Trust) -> None:
    """The connection made before goes on, and the right one, when it comes, is taken without a call lost."""
    shown = trust.certificate("gateway")
    assert shown.tls_certificate is not None
    folder = shown.tls_certificate.parent
    async with guarded(**trust.mutual_tls) as served, served.open(shown) as channel:
        assert isinstance(channel, RenewableChannel)
        stub: Any = shard_pb2_grpc.ShardServiceStub(channel)
        codes = [await outcome(stub.Search(shard_pb2.SearchRequest(), timeout=5))]
        Authority().issue(folder, "gateway")
        await served.logged("new_credentials_refused")
        codes.append(await outcome(stub.Search(shard_pb2.SearchRequest(), timeout=5)))
        before = channel.current
        trust.authority.issue(folder, "gateway")
        async with asyncio.timeout(10):
            while channel.current is before:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.01)
        codes.append(await outcome(stub.Search(shard_pb2.SearchRequest(), timeout=5)))
        assert served.callers() == {}  # nobody asks who calls where there is no access file
    assert codes == ["OK"] * 3


async def test_a_refused_certificate_is_not_taken_when_the_connection_before_ends_of_age(trust: Trust) -> None:
    """Each connection ends after a while, and the next one by the old certificate stands in a moment."""
    shown = trust.certificate("gateway")
    assert shown.tls_certificate is not None
    async with guarded(**trust.mutual_tls, connection_age_seconds=1.0) as served, served.open(shown) as channel:
        assert isinstance(channel, RenewableChannel)
        stub: Any = shard_pb2_grpc.ShardServiceStub(channel)
        codes = [await outcome(stub.Search(shard_pb2.SearchRequest(), timeout=5))]
        before = channel.current
        Authority().issue(shown.tls_certificate.parent, "gateway")
        await served.logged("new_credentials_refused")
        await asyncio.sleep(3.5)
        codes.append(await outcome(stub.Search(shard_pb2.SearchRequest(), timeout=5)))
        assert channel.current is before
        assert [line["event"] for line in served.log].count("new_credentials_refused") == 1
        assert served.value("aisle_searcher_tls_handshakes_total") > 3
    assert codes == ["OK"] * 2


async def test_a_connection_that_is_taken_instead_is_a_change_of_state(trust: Trust) -> None:
    """Both are ready, but it may lead to another process: whoever knows something of the one before looks again."""
    shown = trust.certificate("gateway")
    assert shown.tls_certificate is not None
    async with guarded(**trust.mutual_tls) as served, served.open(shown) as channel:
        assert isinstance(channel, RenewableChannel)
        await channel.channel_ready()
        before = channel.current
        changing = asyncio.create_task(channel.wait_for_state_change(grpc.ChannelConnectivity.READY))
        await asyncio.sleep(0)
        trust.authority.issue(shown.tls_certificate.parent, "gateway")
        async with asyncio.timeout(10):
            await changing
        assert channel.current is not before


async def test_everything_changes_under_load(tmp_path: Path) -> None:
    """Certificates, the authority behind them and the token: no call fails, and nothing old opens any more."""
    rotation = await rotate_under_load(tmp_path, step_seconds=1.3)
    assert rotation.is_sound, rotation
    assert rotation.answered > 100


async def test_what_a_hop_costs_is_measured(tmp_path: Path) -> None:
    """Few calls here, and no bound: the figure is for a quiet machine."""
    cost = await hop_cost(tmp_path, calls=50, message_bytes=1_000)
    assert cost.calls == 50
    assert 0 < cost.plain_p50_ms < 1_000
    assert 0 < cost.tls_p50_ms < 1_000


async def _services(channel: grpc.aio.Channel) -> set[str] | str:
    """Return what reflection lists, or the code that it ends with."""
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=5)
    try:
        return {each.name async for answer in call for each in answer.list_services_response.service}
    except grpc.aio.AioRpcError as error:
        return error.code().name


async def test_reflection_is_for_the_admin_port(trust: Trust) -> None:
    """At the port for callers there is none; at the other it takes the right to operate."""
    admin = free_port()
    async with guarded(**trust.tls, access_file=trust.access, admin_port=admin) as served:
        async with served.open(trust.token("watch")) as callers:
            assert await _services(callers) == "UNIMPLEMENTED"
        for word, seen in (("right", "PERMISSION_DENIED"), ("wrong", "UNAUTHENTICATED")):
            async with served.open(trust.token(word), admin) as channel:
                assert await _services(channel) == seen
        async with served.open(trust.token("watch"), admin) as channel:
            found = await _services(channel)
        assert {NAME, "grpc.health.v1.Health"} <= set(found)
        assert served.callers()["shop", "permission_denied"] == 1


async def test_without_an_access_file_the_admin_port_is_open_to_this_machine() -> None:
    """As tools such as grpcurl want it on a developer's."""
    admin = free_port()
    async with guarded(admin_port=admin) as served, served.open(PLAIN, admin) as channel:
        assert NAME in await _services(channel)


async def _health(served: Guarded, credentials: Credentials = PLAIN, port: int | None = None) -> str:
    async with served.open(credentials, port) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        return await outcome(stub.Check(health_pb2.HealthCheckRequest(service=NAME), timeout=5))


async def test_probes_are_answered_without_tls_and_token(trust: Trust) -> None:
    """At a port of their own, where there is nothing else; at the port for callers health takes TLS, but no token."""
    probes = free_port()
    async with guarded(**trust.tls, access_file=trust.access, probe_port=probes) as served:
        assert await _health(served, port=probes) == "OK"
        assert await _health(served, Credentials(tls_ca=trust.ca)) == "OK"
        assert await _health(served) == "UNAVAILABLE"
        async with served.open(PLAIN, probes) as channel:
            stub: Any = shard_pb2_grpc.ShardServiceStub(channel)
            assert await outcome(stub.Search(shard_pb2.SearchRequest(), timeout=5)) == "UNIMPLEMENTED"


@pytest.mark.parametrize("port", ["admin_port", "probe_port"])
async def test_a_side_port_that_is_taken_is_said(port: str) -> None:
    """With its setting, before anything is served."""
    async with serving(FakeShardService()) as address:
        taken = address.rpartition(":")[2]
        with capture_logs() as log:
            assert await run(FakeShardService(), ServerSettings.model_validate({port: taken})) == 1
    failed = next(line for line in log if line["event"] == "start_failed")
    assert taken in failed["error"]


async def test_who_is_open_to_the_network_without_tls_is_told(trust: Trust) -> None:
    """Loudly, for tokens could be read on the way; with TLS, or on loopback, there is nothing to say."""
    async with guarded(host="0.0.0.0") as served:
        assert "docs/security.md" in (await served.logged("serves_without_tls"))["advice"]
    for settings in ({}, {"host": "0.0.0.0", **trust.tls}):
        async with guarded(**settings) as served:
            assert "serves_without_tls" not in [line["event"] for line in served.log]


async def test_when_the_certificate_expires_is_a_metric(trust: Trust) -> None:
    """So that somebody is told before it does."""
    not_after = datetime(2040, 1, 1, tzinfo=UTC)
    trust.authority.issue(trust.folder, "server", not_after=not_after)
    async with guarded(**trust.tls) as served:
        await served.search(Credentials(tls_ca=trust.ca))
        assert served.value("aisle_searcher_certificate_expires_seconds") == not_after.timestamp()


async def test_the_python_client_shows_what_it_is_given(trust: Trust) -> None:
    """Both of them; a service without the method is as good as a gateway for being let in."""
    async with guarded(**trust.tls, access_file=trust.access) as served:
        target = f"127.0.0.1:{served.port}"
        async with AisleClient(target, trust.token("right")) as client:
            assert await client.health() is Health.NOT_SERVING  # it is no gateway, but it answers
        async with AisleClient(target) as client:
            assert await client.health() is Health.UNREACHABLE


def test_a_client_with_unusable_credentials_is_not_made(tmp_path: Path) -> None:
    """And leaves no thread behind."""
    with pytest.raises(SettingsInvalid, match=r"gone can't be read"):
        SyncAisleClient("127.0.0.1:1", Credentials(token_file=tmp_path / "gone"))
