"""The models at several Tritons: only those that fit are asked, and what answers says which classifier it was."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from services.common.errors import ModelUnavailable
from services.gateway.peers.model_fit import ModelPair
from services.gateway.peers.model_replicas import ModelReplicas
from services.gateway.peers.served_models import ServedModels
from services.gateway.replicas.choosing import EjectionRules, Replicas
from services.gateway.replicas.extra_calls import ExtraCalls, ExtraRules
from services.gateway.replicas.hedging import Hedging
from tests.support.fake_tritons import NEXT, OTHER_SPACE, PAIR, SIDE, FakeTriton, joined

PIXELS = np.zeros((1, SIDE, SIDE, 3), np.uint8)


@pytest.fixture
async def tritons() -> dict[str, FakeTriton]:
    """Two with the same joined model."""
    return {"a": FakeTriton(joined()), "b": FakeTriton(joined())}


@pytest.fixture
async def models(tritons: dict[str, FakeTriton]) -> AsyncIterator[ModelReplicas]:
    """What asks them."""
    fakes: Any = tritons
    served = ServedModels(fakes, joined(), lambda _: None)
    hedgings = [
        Hedging(
            Replicas(tritons, EjectionRules(), clock=time.monotonic, lot=lambda: 0.5),
            ExtraCalls(ExtraRules(share=1.0), time.monotonic),
            time.monotonic,
        )
        for _ in range(2)
    ]
    yield ModelReplicas(fakes, served, *hedgings)
    await served.close()


async def test_a_triton_whose_vectors_are_of_another_space_is_stepped_over(
    models: ModelReplicas, tritons: dict[str, FakeTriton]
) -> None:
    """Although its classifier is the same."""
    tritons["a"].pair = joined(ModelPair(OTHER_SPACE, PAIR.classifier))
    for _ in range(4):
        vectors, classified = await models.embed_and_classify(PIXELS, 1.0)
        assert (vectors.shape, classified.probabilities.shape) == ((1, 2), (1, 2))
    assert (tritons["a"].asked["both"], tritons["b"].asked["both"]) == (0, 4)


async def test_when_no_joined_model_fits_that_is_said(models: ModelReplicas, tritons: dict[str, FakeTriton]) -> None:
    """It is UNAVAILABLE, and names the half that differs."""
    for triton in tritons.values():
        triton.pair = joined(ModelPair(PAIR.embedder, replace(NEXT, labels=("Spoons",))))
    with pytest.raises(ModelUnavailable, match="another classifier, which does not fit"):
        await models.embed_and_classify(PIXELS, 1.0)


async def test_an_answer_says_which_classifier_it_is_of(models: ModelReplicas, tritons: dict[str, FakeTriton]) -> None:
    """Whichever Triton it is from, while one after the other gets a new one."""
    answers = [await models.classify(PIXELS, 1.0)]
    for triton in tritons.values():
        await triton.reconnect(joined(ModelPair(PAIR.embedder, NEXT)))
        answers.append((await models.embed_and_classify(PIXELS, 1.0))[1])
    assert [answer.classifier.version for answer in answers[::2]] == ["c-1", "c-2"]
    assert {answer.classifier.version for answer in answers} == {"c-1", "c-2"}


async def test_a_joined_model_may_be_split_while_it_is_asked(
    models: ModelReplicas, tritons: dict[str, FakeTriton]
) -> None:
    """The photo that finds it so has its answer from two calls; from then on nobody asks for both at once."""
    assert models.are_joined
    for triton in tritons.values():
        await triton.reconnect(PAIR)
    vectors, classified = await models.embed_and_classify(PIXELS, 1.0)
    assert (vectors.shape, classified.classifier) == ((1, 2), PAIR.classifier)
    assert not models.are_joined
    assert {each for triton in tritons.values() for each in triton.asked} == {"embedder", "classifier"}
