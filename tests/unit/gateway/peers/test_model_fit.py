"""Which models may come while a gateway serves: those that no answer in work can be wrong or mixed by."""

from dataclasses import replace

import pytest

from services.gateway.peers.model_fit import ModelPair, beginning_pair, misfit
from services.models.metadata import ModelInfo
from tests.support.fake_tritons import NEXT, OTHER_SPACE, PAIR

SOLD = ("Hats", "Coats")
"""The classifier that serves knows the first of these, and "Bags", which are not sold."""


@pytest.mark.parametrize(
    "model",
    [
        replace(PAIR.embedder, version="renamed"),
        replace(PAIR.embedder, joined=True),
        NEXT,
        replace(NEXT, labels=("Hats", "Coats", "Shoes"), output_size=3),
        replace(NEXT, labels=("Coats", "Shoes")),
        replace(NEXT, joined=True),
    ],
)
def test_what_needs_the_same_pixels_and_makes_the_same_vectors_fits(model: ModelInfo) -> None:
    """Another classifier too, whatever its other categories: it says for each photo what its probabilities are of."""
    served = PAIR.embedder if model.name == PAIR.embedder.name else PAIR.classifier
    assert misfit(model, served, SOLD) == ""


@pytest.mark.parametrize(
    ("model", "what", "remedy"),
    [
        (OTHER_SPACE, f"space {OTHER_SPACE.space.space_id}", "index the catalogue"),
        (replace(PAIR.embedder, output_size=3), "its vectors are of space", "index the catalogue"),
        (replace(PAIR.embedder, input_width=16), "of 8 x 16 pixels, not resize-square-1 of 8 x 8", "restart"),
        (replace(NEXT, input_height=16), "of 16 x 8 pixels, not resize-square-1 of 8 x 8", "restart"),
        (replace(NEXT, preprocessing="crop-1"), "crop-1 of 8 x 8 pixels", "restart"),
        (replace(NEXT, labels=("Spoons", "Bags")), "none of the snapshot's categories, such as 'Coats'", "this shop's"),
        (replace(NEXT, labels=()), "none of the snapshot's categories", "this shop's"),
    ],
)
def test_what_does_not_fit_is_told_with_what_to_do(model: ModelInfo, what: str, remedy: str) -> None:
    """In one line."""
    served = PAIR.embedder if model.name == PAIR.embedder.name else PAIR.classifier
    why = misfit(model, served, SOLD)
    assert what in why
    assert remedy in why
    assert "\n" not in why


def test_a_gateway_begins_with_the_embedder_that_made_the_snapshot() -> None:
    """Tritons differ while they are replaced; where none made it, or that is not known, the first one counts."""
    new = ModelPair(OTHER_SPACE, NEXT)
    assert beginning_pair([PAIR, new], OTHER_SPACE.space.space_id) is new
    assert beginning_pair([new, PAIR], PAIR.embedder.space.space_id) is PAIR
    assert beginning_pair([PAIR, new], "") is PAIR
    assert beginning_pair([PAIR, new], "0123456789abcdef") is PAIR
