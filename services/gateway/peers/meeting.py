"""Meeting the models before the first photo: every Triton that is ready in time tells what it serves."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Final

from services.common.errors import AisleError, ModelUnavailable
from services.common.telemetry import get_logger
from services.gateway.peers.membership import TritonPeers
from services.gateway.peers.model_fit import ModelPair
from services.models.client import TritonModels
from services.models.metadata import CLASSIFIER, EMBEDDER

_log = get_logger()

_POLL_SECONDS: Final = 0.1
_STEP_SECONDS: Final = 0.01


async def meet(peers: TritonPeers, timeout_seconds: float, others_seconds: float) -> list[ModelPair]:
    """Find the Tritons, and return what they serve, at least one pair; one that does not tell is passed over.

    Args:
        peers: the Tritons; from now on changes among them are looked for.
        timeout_seconds: how long the first one may take to be found and ready.
        others_seconds: how long the others may take after it; a missing one does not keep us from serving.

    Raises:
        ModelUnavailable: none is ready.
        AisleError: none of those that are ready tells; what the first one says instead.
    """
    ready: dict[str, TritonModels] = {}
    waiting: dict[str, asyncio.Task[None]] = {}

    async def first_or_all(*, wants_all: bool) -> None:
        while not ready or (wants_all and len(ready) < len(peers.tritons)):
            for target, triton in peers.tritons.items():
                if target not in waiting:
                    waiting[target] = asyncio.create_task(_note_ready(target, triton, ready))
            await asyncio.sleep(_STEP_SECONDS)

    await peers.look()
    try:
        if not await _in_time(first_or_all(wants_all=False), timeout_seconds):
            raise ModelUnavailable(f"no Triton of {', '.join(peers.targets)} was ready within {timeout_seconds:g} s")
        if not await _in_time(first_or_all(wants_all=True), others_seconds):
            _log.warning("tritons_not_ready", targets=sorted(set(peers.tritons) - set(ready)))
    finally:
        for task in waiting.values():
            task.cancel()
    return await _described(ready)


async def _in_time(work: Awaitable[None], seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return False
    return True


async def _note_ready(target: str, triton: TritonModels, ready: dict[str, TritonModels]) -> None:
    while not await triton.ready():  # noqa: ASYNC110 - Triton has no event to wait for
        await asyncio.sleep(_POLL_SECONDS)
    ready[target] = triton


async def _described(tritons: Mapping[str, TritonModels]) -> list[ModelPair]:
    met, refusals = list[ModelPair](), list[AisleError]()
    for target, triton in tritons.items():
        try:
            met.append(ModelPair(await triton.describe(EMBEDDER), await triton.describe(CLASSIFIER)))
        except AisleError as error:
            refusals.append(error)
            _log.warning("triton_not_met", target=target, reason=error.reason, error=error.message)
    if not met:
        raise refusals[0]
    return met
