"""What a gateway hears of the Tritons before its first photo."""

from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.common.errors import FailedPrecondition, ModelUnavailable
from services.gateway.peers.meeting import meet
from services.gateway.peers.model_fit import ModelPair
from tests.support.fake_tritons import NEXT, OTHER_SPACE, PAIR, FakeTriton


async def met(**tritons: FakeTriton) -> list[ModelPair]:
    async def look() -> None:
        """Know them all."""

    peers: Any = SimpleNamespace(targets=list(tritons), tritons=tritons, look=look)
    return await meet(peers, timeout_seconds=0.2, others_seconds=0.1)


async def test_tritons_that_differ_are_all_heard() -> None:
    """They do while they are replaced one by one; that keeps no gateway from starting."""
    assert await met(a=FakeTriton(), b=FakeTriton(ModelPair(OTHER_SPACE, NEXT))) == [
        PAIR,
        ModelPair(OTHER_SPACE, NEXT),
    ]


async def test_one_that_does_not_tell_is_passed_over() -> None:
    """It is said which, and why; only when nobody tells there is nothing to begin with."""
    silent = FakeTriton()
    silent.error = FailedPrecondition("config.pbtxt lacks the parameter 'sha256'")
    with capture_logs() as logged:
        assert await met(a=silent, b=FakeTriton()) == [PAIR]
    assert [(line["event"], line["target"]) for line in logged] == [("triton_not_met", "a")]
    with pytest.raises(FailedPrecondition, match="lacks the parameter"):
        await met(a=silent)


async def test_without_any_triton_that_is_said() -> None:
    """With the targets that were tried."""
    with pytest.raises(ModelUnavailable, match=r"no Triton of .* was ready within 0.2 s"):
        await met()
