"""Starts Triton, lets nobody use it before it has given the golden answers, and stops it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from services.common.errors import AisleError, ModelUnavailable
from services.common.security.certificates import read_key_pair
from services.common.security.credentials import PLAIN, Credentials, credentials_for
from services.common.security.dialling import Dialler
from services.common.telemetry import get_logger
from services.models.client import TritonModels
from services.models.command import TritonCommand, TritonTls, triton_command
from services.models.config import TritonSettings
from services.models.environment import ensure_environment
from services.models.process import TritonProcess
from services.models.repository import RepositoryModel, read_repository
from services.models.start_failure import explain_failure
from services.models.verification import verify_models

_log = get_logger()

_POLL_SECONDS = 0.05


def prepare_triton(settings: TritonSettings) -> tuple[TritonCommand, tuple[RepositoryModel, ...]]:
    """Check the model repository, make Triton's environment, and return how to run it and what it must answer.

    Blocks, for some 20 seconds when the environment has to be installed.

    Raises:
        FailedPrecondition: the repository is not in order, or the environment could not be made.
        SettingsInvalid: the certificate and its key are unusable.
    """
    models = read_repository(settings.model_repository)
    _own_credentials(settings.tls)
    command = triton_command(
        ensure_environment(settings.environment),
        model_repository=settings.model_repository,
        port=settings.port,
        host=settings.host,
        metrics_port=settings.metrics_port,
        drain_seconds=settings.drain_seconds,
        log_level=settings.log_level,
        tls=settings.tls,
        inherited=os.environ,
    )
    return command, models


async def start_triton(
    command: TritonCommand, models: Sequence[RepositoryModel], *, timeout_seconds: float, echo: bool = False
) -> TritonProcess:
    """Start Triton and return when it has loaded, warmed up and given the golden answers; stop it when it does not.

    Args:
        command: from `prepare_triton`.
        models: what it must serve, from `prepare_triton`.
        timeout_seconds: for all of it.
        echo: copy Triton's log to standard error.

    Raises:
        ModelUnavailable: it ended or was not ready in time; the message has the failed model or the log's last lines.
        FailedPrecondition: a model gave a wrong answer.
    """
    process = TritonProcess(command, echo=echo)
    try:
        async with asyncio.timeout(timeout_seconds):
            await _verified(process, models)
    except TimeoutError:
        _kill(process)
        why = explain_failure(process.log_tail())
        raise ModelUnavailable(f"Triton was not ready within {timeout_seconds:g} s: {why}") from None
    except BaseException:
        _kill(process)
        raise
    return process


@asynccontextmanager
async def running_triton(settings: TritonSettings, *, echo: bool = False) -> AsyncIterator[TritonProcess]:
    """Run a checked Triton for the time of the context.

    Raises:
        AisleError: as `prepare_triton` and `start_triton`.
    """
    command, models = await asyncio.to_thread(prepare_triton, settings)
    process = await start_triton(command, models, timeout_seconds=settings.startup_timeout_seconds, echo=echo)
    try:
        yield process
    finally:
        await asyncio.to_thread(process.stop, command.stop_seconds)


async def run(settings: TritonSettings) -> int:
    """Run Triton until SIGTERM or SIGINT; return 0 when it was told to end, 1 when it could not start or died."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(_serve(settings))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        _log.info("stopped")
        return 0
    stopping.cancel()
    try:
        await serving
    except AisleError as error:
        _log.error("start_failed", reason=error.reason, error=error.message)
    return 1


async def _serve(settings: TritonSettings) -> None:
    async with running_triton(settings, echo=True) as process:
        _log.info("serving", target=process.command.target, pid=process.pid)
        while process.exit_status is None:  # noqa: ASYNC110  # nothing wakes an event when a process ends
            await asyncio.sleep(_POLL_SECONDS)
        _log.error("triton_died", exit_status=process.exit_status)


async def _verified(process: TritonProcess, models: Sequence[RepositoryModel]) -> None:
    triton = TritonModels(process.command.target, Dialler(_own_credentials(process.command.tls)))
    try:
        while not await triton.ready():
            if process.exit_status is not None:
                why = explain_failure(process.log_tail())
                raise ModelUnavailable(f"Triton ended with status {process.exit_status} at its start: {why}")
            await asyncio.sleep(_POLL_SECONDS)
        await verify_models(models, triton)
    finally:
        await triton.close()


def _own_credentials(tls: TritonTls | None) -> Credentials:
    """Return how the Triton that we start is reached: nothing but its very certificate is trusted."""
    if tls is None:
        return PLAIN
    pair = read_key_pair(tls.certificate, tls.key)
    shown = (None, None) if tls.client_ca is None else (tls.certificate, tls.key)
    return credentials_for(tls.certificate, pair.names[0] if pair.names else None, *shown)


def _kill(process: TritonProcess) -> None:
    """End a server that nobody uses yet: there is nothing to drain."""
    process.stop(grace_seconds=0.0)
