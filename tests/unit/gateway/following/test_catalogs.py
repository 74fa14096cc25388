"""What a gateway refuses to serve, and what it says about the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest
from structlog.testing import capture_logs

from services.common.errors import SettingsInvalid, SpaceMismatch
from services.gateway.answering.catalog import Catalog
from services.gateway.following.catalogs import Catalogs
from services.models.metadata import ModelInfo
from services.snapshot.manifest import Manifest
from tests.support.gateway import manifest_of, relevance_of

EMBEDDER = ModelInfo("embedder", "e-2", "cd" * 32, "resize-square-1", 8, 8, output_size=4, max_batch_size=8)
CLASSIFIER = replace(EMBEDDER, name="classifier", version="c-2", labels=("Bags", "Hats"))
TOPOLOGY = {slug: ["somewhere"] for slug in ("bags", "coats", "hats")}


def ours(manifest: Manifest) -> Manifest:
    """Return a manifest as one of the embedder's."""
    return manifest.model_copy(update={"space_id": EMBEDDER.space.space_id})


MANIFEST = ours(manifest_of(["Bags", "Coats"]))


@dataclass
class Serving:
    """The models that serve."""

    embedder: ModelInfo
    classifiers: tuple[ModelInfo, ...]


async def seen(
    manifest: Manifest = MANIFEST,
    embedder: ModelInfo = EMBEDDER,
    classifier: ModelInfo = CLASSIFIER,
    topology: Mapping[str, Sequence[str]] = TOPOLOGY,
) -> Catalog:
    before = replace(CLASSIFIER, sha256="00" * 32, labels=("Spoons",))
    catalogs = Catalogs(lambda _: manifest, Serving(embedder, (before, classifier)), topology)
    return await catalogs.of(manifest.snapshot_id)


async def test_the_snapshot_of_this_embedder_is_taken() -> None:
    """And of no other's: file, preprocessing and dimension all make the space."""
    assert (await seen()).manifest is MANIFEST
    for other in (replace(EMBEDDER, sha256="ef" * 32), replace(EMBEDDER, output_size=5)):
        with pytest.raises(SpaceMismatch, match="index the catalogue again") as refused:
            await seen(embedder=other)
        assert MANIFEST.space_id in refused.value.message
        assert other.space.space_id in refused.value.message


async def test_models_that_want_another_preprocessing_are_refused() -> None:
    """The gateway has one way from photo to pixels."""
    with pytest.raises(SpaceMismatch, match=r"classifier wants preprocessing 'centre-crop-1'"):
        await seen(classifier=replace(CLASSIFIER, preprocessing="centre-crop-1"))


async def test_a_classifier_that_knows_one_category_is_enough() -> None:
    """The others can be reached by ALL."""
    assert (await seen()).unroutable == ("Coats",)


async def test_a_classifier_of_another_shop_is_refused() -> None:
    """Every photo would be routed at random."""
    with pytest.raises(SettingsInvalid, match=r"c-2.*'Bags'.*'Spoons'"):
        await seen(classifier=replace(CLASSIFIER, labels=("Spoons",)))


async def test_a_snapshot_that_learned_nothing_about_the_classifier_is_said_once() -> None:
    """With what follows and what to do; a snapshot that did says nothing."""
    learned = ours(manifest_of(["Bags", "Hats"], relevance=relevance_of(classifier_sha256=CLASSIFIER.sha256)))
    with capture_logs() as logged:
        assert (await seen(learned)).fusion is not None
    assert logged == []
    for manifest in (manifest_of(["Bags", "Hats"]), manifest_of(["Bags", "Hats"], relevance=relevance_of())):
        other = replace(CLASSIFIER, sha256="12" * 32)
        with capture_logs() as logged:
            assert (await seen(ours(manifest), classifier=other)).fusion is None
        (warning,) = logged
        assert (warning["event"], warning["log_level"]) == ("adaptive_is_not_fitted", "warning")
        assert "held-out photos" in warning["remedy"]


async def test_a_shard_that_no_searcher_is_known_for_is_said() -> None:
    """It will be missing from every answer; to serve it, somebody has to change the shard map."""
    gloves = replace(CLASSIFIER, labels=("Bags", "Gloves"))
    with capture_logs() as logged:
        await seen(ours(manifest_of(["Bags", "Gloves"])), classifier=gloves)
    assert {"event": "shards_without_searcher", "log_level": "warning", "shards": ["gloves"]} in logged


@pytest.mark.parametrize(
    ("topology", "words"),
    [({}, "it is empty, the snapshot's first is 'bags'"), ({"spoons": ["somewhere"]}, "its first is 'spoons'")],
)
async def test_a_shard_map_of_another_shop_is_refused(topology: Mapping[str, Sequence[str]], words: str) -> None:
    """Every answer would be empty; a shard whose name was not found yet is another matter."""
    with pytest.raises(SettingsInvalid, match=words) as refused:
        await seen(topology=topology)
    assert refused.value.field == "topology"
    assert await seen(topology={"bags": []})
