"""Every way in the system by mutual TLS: caller, gateway, searchers and Triton; and who is not of them stays out."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from services.cli.exit_codes import ExitCode
from services.client import AisleClient, Credentials, Policy
from services.common.channels import channel_options
from services.common.errors import FailedPrecondition, SettingsInvalid, Unauthenticated
from services.common.security.certificates import read_key_pair
from services.common.security.credentials import PLAIN
from services.common.security.dialling import Dialler
from services.loadtest.target import Target, probe
from services.models.client import TritonModels
from services.models.config import TritonSettings
from services.models.launcher import prepare_triton
from services.models.process import TritonProcess
from tests.support.cluster import IMAGES, photo, publish, write_topology
from tests.support.guarded import Trust, outcome
from tests.support.load_command import command
from tests.support.processes import started
from tests.support.triton import free_port, serving, triton_settings

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    """One authority for all, and the access file of both the gateway and the searcher."""
    return Trust(tmp_path_factory.mktemp("trust"))


def certified(trust: Trust, name: str) -> dict[str, object]:
    """Return the settings of a process that shows a certificate of its own and asks for one."""
    identity = trust.authority.issue(trust.folder, name)
    return {"tls_certificate": identity.certificate, "tls_key": identity.key, "tls_client_ca": trust.ca}


@pytest.fixture(scope="module")
def secured_triton(trust: Trust, tiny_repository: Path) -> Iterator[TritonProcess]:
    """Triton with mutual TLS."""
    settings = TritonSettings.model_validate(
        {**triton_settings(tiny_repository).model_dump(), **certified(trust, "triton")}
    )
    with serving(settings) as process:
        yield process


@pytest.fixture(scope="module")
async def targets(
    trust: Trust, secured_triton: TritonProcess, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[str, str]]:
    """A searcher and a gateway, as processes; their addresses."""
    folder = tmp_path_factory.mktemp("system")
    snapshot = publish(folder / "snapshots")
    searches = {**certified(trust, "searcher"), "snapshot_root": snapshot.root, "access_file": trust.access}
    async with AsyncExitStack() as stack:
        searcher = await stack.enter_async_context(started("searcher", *words(searches)))
        searcher_at = f"127.0.0.1:{(await searcher.logged('serving'))['port']}"
        answers = {
            **{key: value for key, value in certified(trust, "gateway").items() if key != "tls_client_ca"},
            "snapshot_root": snapshot.root,
            "topology": write_topology(folder, {category: [searcher_at] for category in IMAGES}),
            "triton": secured_triton.command.target,
            "access_file": trust.access,
            "searcher_tls_ca": trust.ca,
            "searcher_tls_server_name": "searcher",
            "triton_tls_ca": trust.ca,
            "triton_tls_server_name": "triton",
            "metrics_port": (metrics_port := free_port()),
        }
        gateway = await stack.enter_async_context(started("gateway", *words(answers)))
        gateway_at = f"127.0.0.1:{(await gateway.logged('serving'))['port']}"
        yield {"searcher": searcher_at, "gateway": gateway_at, "metrics": f"127.0.0.1:{metrics_port}"}


def words(settings: Mapping[str, object]) -> list[str]:
    """Return a command line."""
    return [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]


async def test_a_caller_with_a_token_gets_an_answer(trust: Trust, targets: Mapping[str, str]) -> None:
    """Through all of it, from every shard."""
    async with AisleClient(targets["gateway"], trust.token("right")) as client:
        result = await client.search(photo(1), policy=Policy.ALL, timeout_seconds=10)
    assert result.hits
    assert not result.coverage.partial


async def test_a_caller_without_one_gets_none(trust: Trust, targets: Mapping[str, str]) -> None:
    """The client raises what the gateway says; a load test says which option is missing."""
    async with AisleClient(targets["gateway"], Credentials(tls_ca=trust.ca)) as client:
        with pytest.raises(Unauthenticated, match="no token was sent"):
            await client.search(photo(1))
        outcomes = [each async for each in client.search_many([("1", photo(1), {})], timeout_seconds=5)]
        assert [type(each.error) for each in outcomes] == [Unauthenticated]
    with pytest.raises(Unauthenticated, match="no token was sent"):
        await probe(Target(address=targets["gateway"], tls_ca=trust.ca))
    with pytest.raises(FailedPrecondition, match=r"wants TLS \(--tls-ca\), or is no gateway"):
        await probe(Target(address=targets["gateway"]))


async def test_a_load_test_comes_in_as_any_caller_does(
    trust: Trust, targets: Mapping[str, str], tmp_path: Path
) -> None:
    """By TLS and with a token; every photo is answered in full."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.png").write_bytes(photo(1))
    shown = {name: value for name, value in trust.token("right") if value}
    options = words({**shown, "folder": tmp_path / "photos", "rate": 20, "seconds": 2, "policy": "all"})
    async with command(targets["gateway"], tmp_path / "out", *options, module="services.loadtest") as running:
        status, errors = await running.ended()
    report = running.report()
    assert status == ExitCode.INVALID, errors  # 40 answers tell no p99
    assert report.outcomes.ok == sum(second.offered for second in report.seconds) > 0


async def test_who_may_search_may_not_operate(trust: Trust, targets: Mapping[str, str]) -> None:
    """Each of the operator's methods says so, and the other way round."""
    for word, method in (
        ("right", "operator.v1.OperatorService/GetStatus"),
        ("watch", "search.v1.SearchService/Search"),
    ):
        async with Dialler(trust.token(word)).open(targets["gateway"], channel_options()) as channel:
            call: Any = channel.unary_unary(f"/aisle.{method}", None, None)
            assert await outcome(call(b"", timeout=5)) == "PERMISSION_DENIED"


async def test_searchers_answer_the_gateway_alone(trust: Trust, targets: Mapping[str, str]) -> None:
    """Not another one with a certificate, nor anybody without."""
    seen = {}
    for name in ("gateway", "somebody", ""):
        shown = trust.certificate(name) if name else Credentials(tls_ca=trust.ca)
        async with Dialler(shown).open(targets["searcher"], channel_options()) as channel:
            stub: Any = shard_pb2_grpc.ShardServiceStub(channel)
            seen[name] = await outcome(stub.Describe(shard_pb2.DescribeRequest(), timeout=5))
    assert seen == {"gateway": "OK", "somebody": "UNAUTHENTICATED", "": "UNAVAILABLE"}


async def test_triton_does_what_it_is_asked_by_those_with_a_certificate_alone(
    trust: Trust, secured_triton: TritonProcess
) -> None:
    """And nobody else can even ask whether it is ready."""
    ready = []
    for shown in (trust.certificate("gateway"), Credentials(tls_ca=trust.ca), PLAIN):
        dialler = Dialler(shown.model_copy(update={"tls_server_name": "triton"}))
        models = TritonModels(secured_triton.command.target, dialler)
        ready.append(await models.ready(timeout_seconds=2.0))
        await models.close()
    assert ready == [True, False, False]


async def test_the_gateway_tells_when_triton_s_certificate_expires(trust: Trust, targets: Mapping[str, str]) -> None:
    """As Triton shows it, for it reads its file once and counts nothing of it."""
    shown = read_key_pair(trust.folder / "triton.pem", trust.folder / "triton.key")
    told = f"aisle_gateway_triton_certificate_expires_seconds {shown.not_after.timestamp():.10g}"
    async with asyncio.timeout(10):
        while told not in (page := await asyncio.to_thread(read_page, targets["metrics"])):
            assert page
            await asyncio.sleep(0.1)


def read_page(address: str) -> str:
    """Read a process's metrics."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as response:
        return str(response.read().decode())


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("RepositoryModelLoad", service_pb2.RepositoryModelLoadRequest(model_name="embedder")),
        ("RepositoryModelUnload", service_pb2.RepositoryModelUnloadRequest(model_name="embedder")),
        ("SystemSharedMemoryRegister", service_pb2.SystemSharedMemoryRegisterRequest(name="x", key="/x", byte_size=8)),
        ("LogSettings", service_pb2.LogSettingsRequest()),
        ("TraceSetting", service_pb2.TraceSettingRequest()),
    ],
)
async def test_triton_s_control_is_closed(tiny_triton: TritonProcess, method: str, request_: Any) -> None:
    """Without TLS, too: it serves the models of its start, and maps no memory for anybody."""
    async with grpc.aio.insecure_channel(tiny_triton.command.target) as channel:
        stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError, match="This protocol is restricted"):
            await getattr(stub, method)(request_, timeout=5)


def test_triton_is_not_started_with_a_key_that_does_not_fit(trust: Trust, tiny_repository: Path) -> None:
    """It would say so in its own words, and late."""
    settings = triton_settings(tiny_repository).model_copy(
        update={"tls_certificate": trust.server.certificate, "tls_key": trust.authority.issue(trust.folder, "x").key}
    )
    with pytest.raises(SettingsInvalid, match="does not belong to the first certificate"):
        prepare_triton(settings)
