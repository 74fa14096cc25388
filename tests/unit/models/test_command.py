"""The command line and the environment variables of Triton."""

from pathlib import Path
from typing import Any

import pytest

from services.models.command import LogLevel, TritonCommand, TritonTls, triton_command
from services.models.environment import TritonEnvironment

ENVIRONMENT = TritonEnvironment(
    folder=Path("/triton"),
    server=Path("/triton/bin/tritonserver"),
    backends=Path("/triton/backends"),
    libraries=(Path("/triton/libs"), Path("/python/lib")),
)


def command(**options: Any) -> TritonCommand:
    defaults: dict[str, Any] = {"model_repository": Path("/models"), "port": 8001, "inherited": {"PATH": "/usr/bin"}}
    return triton_command(ENVIRONMENT, **(defaults | options))


def test_nothing_but_grpc_on_loopback_is_open() -> None:
    """HTTP and metrics are off unless asked for."""
    flags = set(command().argv)
    assert flags >= {"--grpc-address=127.0.0.1", "--grpc-port=8001", "--allow-http=false", "--allow-metrics=false"}
    assert command().target == "127.0.0.1:8001"


def test_metrics_listen_where_asked() -> None:
    """Prometheus finds them on the same address as gRPC."""
    flags = set(command(host="10.0.0.1", metrics_port=8002).argv)
    assert flags >= {"--allow-metrics=true", "--metrics-address=10.0.0.1", "--metrics-port=8002"}


def test_nobody_loads_models_or_maps_memory() -> None:
    """What is not asked of Triton by us is closed by a word that changes with each start."""
    closed = [next(flag for flag in command().argv if flag.startswith("--grpc-restricted-protocol=")) for _ in range(2)]
    assert closed[0].startswith("--grpc-restricted-protocol=model-repository,shared-memory,logging,trace:closed=")
    assert closed[0] != closed[1]
    assert "--model-control-mode=none" in command().argv


def test_tls_takes_a_certificate_and_asks_for_one_where_it_is_told_to() -> None:
    """Without either, callers speak plainly, as on loopback."""
    files = {"certificate": Path("/tls/triton.pem"), "key": Path("/tls/triton.key")}
    shown = {"--grpc-use-ssl=true", "--grpc-server-cert=/tls/triton.pem", "--grpc-server-key=/tls/triton.key"}
    asks = {"--grpc-use-ssl-mutual=true", "--grpc-root-cert=/tls/ca.pem"}
    one_way = set(command(tls=TritonTls(**files)).argv)
    mutual = set(command(tls=TritonTls(**files, client_ca=Path("/tls/ca.pem"))).argv)
    assert shown <= one_way
    assert not asks & one_way
    assert shown | asks <= mutual
    assert not shown & set(command().argv)


def test_a_bad_model_ends_the_server() -> None:
    """No Triton serves half of its models."""
    assert {"--exit-on-error=true", "--strict-readiness=true"} <= set(command().argv)


def test_triton_ends_with_its_parent_and_yields_to_it() -> None:
    """The kernel sends it SIGTERM, whatever happens to us; where cores are shared, the gateway goes first."""
    argv = command().argv
    assert argv[:4] == ("setpriv", "--pdeathsig", "TERM", "--")
    assert argv[4:10] == ("chrt", "--batch", "0", "nice", "-n", "15")


def test_two_servers_share_no_memory_regions() -> None:
    """Servers on one machine have different ports, and so their regions have different names."""
    first, second = command(port=8001), command(port=8011)
    assert f"--backend-config=python,shm-region-prefix-name={first.shm_prefix}" in first.argv
    assert not first.shm_prefix.startswith(second.shm_prefix)
    assert not second.shm_prefix.startswith(first.shm_prefix)


def test_the_stub_finds_its_own_python() -> None:
    """Triton's environment comes first on PATH, its libraries are all there is, and no caller's Python leads astray."""
    inherited = {
        "PATH": "/usr/bin",
        "LD_LIBRARY_PATH": "/mine",
        "PYTHONHOME": "/mine",
        "PYTHONPATH": "/m",
        "HOME": "/h",
    }
    assert command(inherited=inherited).environment == {
        "PATH": "/triton/bin:/usr/bin",
        "LD_LIBRARY_PATH": "/triton/libs:/python/lib",
        "HOME": "/h",
    }


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("error", ("true", "false", "false", "0")),
        ("warning", ("true", "true", "false", "0")),
        ("info", ("true", "true", "true", "0")),
        ("verbose", ("true", "true", "true", "1")),
    ],
)
def test_log_levels_are_cumulative(level: LogLevel, expected: tuple[str, ...]) -> None:
    """Every level has those above it."""
    names = ("log-error", "log-warning", "log-info", "log-verbose")
    assert {f"--{name}={value}" for name, value in zip(names, expected, strict=True)} <= set(
        command(log_level=level).argv
    )


def test_a_supervisor_waits_longer_than_triton_drains() -> None:
    """Triton itself gives up first, so that a kill is for a hung server only."""
    slow = command(drain_seconds=20)
    assert "--exit-timeout-secs=25" in slow.argv
    assert slow.stop_seconds > 25
