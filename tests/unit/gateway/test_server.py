"""What a gateway refuses to start with."""

from dataclasses import replace

import pytest

from services.common.errors import SettingsInvalid, SpaceMismatch
from services.gateway.server import _check_space, _join
from services.models.metadata import ModelInfo
from tests.support.gateway import manifest_of

EMBEDDER = ModelInfo("embedder", "e-2", "cd" * 32, "resize-square-1", 8, 8, output_size=4, max_batch_size=8)
CLASSIFIER = replace(EMBEDDER, name="classifier", version="c-2", labels=("Bags", "Hats"))
MANIFEST = manifest_of(["Bags", "Coats"]).model_copy(update={"space_id": EMBEDDER.space.space_id})


def test_the_snapshot_of_this_embedder_is_taken() -> None:
    """And of no other's: file, preprocessing and dimension all make the space."""
    _check_space(MANIFEST, EMBEDDER, CLASSIFIER)
    for other in (replace(EMBEDDER, sha256="ef" * 32), replace(EMBEDDER, output_size=5)):
        with pytest.raises(SpaceMismatch, match="index the catalogue again") as refused:
            _check_space(MANIFEST, other, CLASSIFIER)
        assert MANIFEST.space_id in refused.value.message
        assert other.space.space_id in refused.value.message


def test_models_that_want_another_preprocessing_are_refused() -> None:
    """The gateway has one way from photo to pixels."""
    with pytest.raises(SpaceMismatch, match=r"classifier wants preprocessing 'centre-crop-1'"):
        _check_space(MANIFEST, EMBEDDER, replace(CLASSIFIER, preprocessing="centre-crop-1"))


def test_a_classifier_that_knows_one_category_is_enough() -> None:
    """The others can be reached by ALL."""
    assert _join(MANIFEST, CLASSIFIER).unroutable == ("Coats",)


def test_a_classifier_of_another_shop_is_refused() -> None:
    """Every photo would be routed at random."""
    with pytest.raises(SettingsInvalid, match=r"c-2.*'Bags'.*'Spoons'"):
        _join(MANIFEST, replace(CLASSIFIER, labels=("Spoons",)))
