"""Meeting the models before the first photo: the first Triton that is ready tells what all have to serve."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from services.common.errors import ModelUnavailable, SpaceMismatch
from services.common.telemetry import get_logger
from services.gateway.peers.membership import TritonPeers
from services.models.client import TritonModels
from services.models.metadata import CLASSIFIER, EMBEDDER, ModelInfo

_log = get_logger()

_POLL_SECONDS: Final = 0.1
_STEP_SECONDS: Final = 0.01


async def meet(peers: TritonPeers, timeout_seconds: float, others_seconds: float) -> tuple[ModelInfo, ModelInfo]:
    """Find the Tritons, and return what their embedder and their classifier say about themselves.

    Args:
        peers: the Tritons; from now on changes among them are looked for.
        timeout_seconds: how long the first one may take to be found and ready.
        others_seconds: how long the others may take after it; a missing one does not keep us from serving.

    Raises:
        ModelUnavailable: none is ready.
        SpaceMismatch: they serve different models.
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
    met = [await _describe(triton) for triton in ready.values()]
    if len({tuple(model.sha256 for model in models) for models in met}) > 1:
        raise SpaceMismatch(f"the Tritons {', '.join(ready)} serve different models; let them serve the same")
    return met[0]


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


async def _describe(triton: TritonModels) -> tuple[ModelInfo, ModelInfo]:
    return await triton.describe(EMBEDDER), await triton.describe(CLASSIFIER)
