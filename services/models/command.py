"""The command line and the environment variables of tritonserver (pure)."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from services.models.child_processes import tied_to_parent
from services.models.environment import TritonEnvironment

LogLevel = Literal["error", "warning", "info", "verbose"]
# After the drain Triton unloads its models and ends the stubs, 2 to 3 s, and counts that into the same timeout.
_UNLOAD_SECONDS = 5
# Models compute for 10 ms at a time. Where they share cores with a gateway and searchers, whose work takes 1 ms, that
# work goes first, and refusals, too; who has cores of its own notices nothing of it. Less nice, or without `--batch`,
# with which a model's threads wait for their turn when they wake up, refusals took 5 to 6 ms instead of 4.
_BEHIND_OTHERS = ("chrt", "--batch", "0", "nice", "-n", "15")
_LEVELS: tuple[LogLevel, ...] = ("error", "warning", "info")


# What nobody of ours asks Triton for: to load or unload models, to map memory of its machine, to change its log, to
# write traces. It asks for a header then, which nobody knows.
_CLOSED = ("model-repository", "shared-memory", "logging", "trace")


@dataclass(frozen=True, slots=True)
class TritonTls:
    """Triton's certificate, and whose it asks for.

    Attributes:
        certificate: PEM file.
        key: PEM file.
        client_ca: PEM file with the authorities whose certificates callers must have; None to ask for none.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class TritonCommand:
    """All that is needed to start a Triton, and to clean up after one that was killed.

    Attributes:
        argv: the command line; Triton gets SIGTERM when the thread that starts it ends.
        environment: all of its environment variables.
        target: gRPC address, `host:port`.
        shm_prefix: first part of the names of its shared memory regions, unlike any other server's on this machine.
        stop_seconds: how long it may take to end after SIGTERM; kill it when it takes longer.
        tls: its certificate; None when it speaks without TLS.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    target: str
    shm_prefix: str
    stop_seconds: float
    tls: TritonTls | None = None


def triton_command(
    environment: TritonEnvironment,
    *,
    model_repository: Path,
    port: int,
    host: str = "127.0.0.1",
    metrics_port: int = 0,
    drain_seconds: int = 5,
    log_level: LogLevel = "warning",
    tls: TritonTls | None = None,
    inherited: Mapping[str, str],
) -> TritonCommand:
    """Return how to run Triton on a model repository.

    Args:
        environment: from `ensure_environment`.
        model_repository: folder of the models.
        port: for gRPC.
        host: address to bind.
        metrics_port: for Prometheus metrics on `host`; 0 turns them off.
        drain_seconds: how long inferences in flight get to end after SIGTERM.
        log_level: the least level that Triton writes to its standard error.
        tls: its certificate; None to speak without TLS.
        inherited: environment variables to start from, normally `os.environ`.
    """
    shm_prefix = f"aisle_triton_{port}_"
    flags = {
        "model-repository": model_repository.absolute(),
        "backend-directory": environment.backends,
        "backend-config": f"python,shm-region-prefix-name={shm_prefix}",
        "exit-on-error": "true",
        "exit-timeout-secs": drain_seconds + _UNLOAD_SECONDS,
        "strict-readiness": "true",
        "model-control-mode": "none",
        "allow-http": "false",
        "grpc-address": host,
        "grpc-port": port,
        # Our channels ping every 10 s to find a hung server soon; by default Triton would hang up on them for that.
        "grpc-http2-min-recv-ping-interval-without-data": 1_000,
        "grpc-keepalive-permit-without-calls": 1,
        "grpc-restricted-protocol": f"{','.join(_CLOSED)}:closed={secrets.token_urlsafe()}",
        **_tls_flags(tls),
        **_metrics_flags(host, metrics_port),
        **_log_flags(log_level),
    }
    # Everything is in config.pbtxt; completing it would start one more Python per model, which doubles the start.
    argv = (
        str(environment.server),
        "--disable-auto-complete-config",
        *(f"--{name}={value}" for name, value in flags.items()),
    )
    return TritonCommand(
        argv=tied_to_parent((*_BEHIND_OTHERS, *argv)),
        environment=_variables(environment, inherited),
        target=f"{host}:{port}",
        shm_prefix=shm_prefix,
        stop_seconds=drain_seconds + _UNLOAD_SECONDS + 1.0,
        tls=tls,
    )


def _tls_flags(tls: TritonTls | None) -> dict[str, object]:
    if tls is None:
        return {}
    flags: dict[str, object] = {
        "grpc-use-ssl": "true",
        "grpc-server-cert": tls.certificate.absolute(),
        "grpc-server-key": tls.key.absolute(),
    }
    if tls.client_ca is not None:
        flags |= {"grpc-use-ssl-mutual": "true", "grpc-root-cert": tls.client_ca.absolute()}
    return flags


def _metrics_flags(host: str, port: int) -> dict[str, object]:
    if port == 0:
        return {"allow-metrics": "false"}
    return {
        "allow-metrics": "true",
        "allow-gpu-metrics": "false",
        "metrics-address": host,
        "metrics-port": port,
    }


def _log_flags(level: LogLevel) -> dict[str, object]:
    verbosity = len(_LEVELS) if level == "verbose" else _LEVELS.index(level)
    flags: dict[str, object] = {f"log-{name}": str(rank <= verbosity).lower() for rank, name in enumerate(_LEVELS)}
    return {**flags, "log-verbose": int(level == "verbose"), "log-format": "ISO8601"}


def _variables(environment: TritonEnvironment, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return variables with which the stub embeds the Python of Triton's environment and no other.

    The stub takes its prefix from the `python3` that it finds first on PATH; PYTHONHOME or PYTHONPATH of a caller would
    lead it to that caller's numpy 2.
    """
    variables = {key: value for key, value in inherited.items() if not key.startswith("PYTHON")}
    variables["PATH"] = os.pathsep.join((str(environment.folder / "bin"), inherited.get("PATH", os.defpath)))
    variables["LD_LIBRARY_PATH"] = os.pathsep.join(str(folder) for folder in environment.libraries)
    return variables
