"""A gallery is built as the indexer builds one, and what is built is not built again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.benchmarks.gallery import Shape
from services.benchmarks.scale.building import Built, _key, built
from services.benchmarks.scale.photos import ServedModels
from services.benchmarks.scale.shop import Photos, Shop, shop_of
from services.models.metadata import ModelInfo
from services.neighbours.vector_index import Effort
from services.searcher.loading import check_space, load_shard
from services.snapshot.manifest import BASELINE_SLUG
from services.snapshot.store import SnapshotStore

LABELS = ("Bag", "Coat", "Dress")
DIMENSION, EACH = 32, 60
VECTORS = np.random.default_rng(5).standard_normal((3 * EACH, DIMENSION)).astype(np.float32)
PHOTOS = Photos(
    files=[f"{number}.jpg" for number in range(3 * EACH)],
    categories=[label for label in LABELS for _ in range(EACH)],
    for_fitting=np.arange(3 * EACH) % 2 == 0,
    vectors=VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True),
    probabilities=np.repeat(np.eye(3, dtype=np.float32) * 0.85 + 0.05, EACH, axis=0),
)


def model(name: str, size: int, labels: tuple[str, ...] = ()) -> ModelInfo:
    """A model as a repository describes one."""
    return ModelInfo(name, f"{name}-1", f"{size:064x}", "resize-square-1", 8, 8, size, 8, labels)


MODELS = ServedModels(Path("models"), model("embedder", DIMENSION), model("classifier", 3, LABELS))


def shop(seed: int = 20) -> Shop:
    """A small one: six categories, three of them known."""
    return shop_of(Shape(images=3_000, products=240, categories=6), seed, PHOTOS, LABELS)


class Said(list[str]):
    """What was said; at some point the run may be interrupted."""

    def __init__(self, interrupted_by: str = "") -> None:
        super().__init__()
        self._interrupted_by = interrupted_by

    def say(self, what: str) -> None:
        """Hear of a step."""
        self.append(what)
        if self._interrupted_by and self._interrupted_by in what:
            raise KeyboardInterrupt

    @property
    def shards(self) -> list[str]:
        """The shards that were written."""
        return [what.split()[1].rstrip(":") for what in self if what.startswith("shard ")]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A gallery that was built in one go."""
    return built(tmp_path_factory.mktemp("gallery"), shop(), PHOTOS, MODELS, lambda _: None)


def test_it_is_a_snapshot_that_searchers_load_and_that_finds_its_own_pictures(gallery: Built) -> None:
    """Every shard, the baseline last; the vectors beside it are those in the indexes."""
    manifest = SnapshotStore(gallery.root).manifest()
    check_space(manifest)
    assert [shard.slug for shard in manifest.shards][-1] == BASELINE_SLUG
    assert sum(shard.images for shard in manifest.category_shards) == 3_000
    first_row = 0
    for number, name in enumerate(gallery.shop.names):
        entry = next(shard for shard in manifest.shards if shard.category == name)
        shard = load_shard(SnapshotStore(gallery.root), manifest, entry)
        [hits] = shard.search(gallery.drawn.vectors[first_row : first_row + 1], 1, Effort.EXACT)
        assert hits.image_ids == [f"{first_row:07}"]
        assert hits.product_ids == [gallery.shop.product_id(number, 0)]
        first_row += entry.images
    assert set(gallery.seconds) == {shard.slug for shard in manifest.shards}


def test_scores_are_fitted_to_the_photos_for_fitting(gallery: Built) -> None:
    """A classifier that is right helps, and ADAPTIVE leaves shards out."""
    relevance = gallery.manifest.relevance
    assert relevance is not None
    assert relevance.photos <= sum(bool(PHOTOS.for_fitting[each.photo]) for each in gallery.shop.shown)
    assert relevance.fusion.classifier_sha256 == MODELS.classifier.sha256
    assert relevance.fusion.weights.prior_weight > 0


def test_what_is_built_is_not_built_again(gallery: Built) -> None:
    """The same snapshot, and what its shards took then."""
    said = Said()
    again = built(gallery.root.parent, shop(), PHOTOS, MODELS, said.say)
    assert said.shards == []
    assert again.manifest == gallery.manifest
    assert again.seconds == gallery.seconds


def test_an_interrupted_build_goes_on(tmp_path: Path, gallery: Built) -> None:
    """Shards that were written before are kept, and the files are those of a build in one go."""
    first, second = Said(interrupted_by="shard coat"), Said()
    with pytest.raises(KeyboardInterrupt):
        built(tmp_path, shop(), PHOTOS, MODELS, first.say)
    finished = built(tmp_path, shop(), PHOTOS, MODELS, second.say)
    assert not {*first.shards} & {*second.shards}
    assert finished.manifest.files == gallery.manifest.files


def test_other_inputs_are_built_anew(gallery: Built) -> None:
    """Another seed, another embedder: they have a folder of their own."""
    embedder = replace(MODELS.embedder, sha256="f" * 64)
    others = [_key(shop(seed=7), MODELS), _key(shop(), replace(MODELS, embedder=embedder))]
    assert len({_key(gallery.shop, MODELS), *others}) == 3
    assert _key(shop(), MODELS) == _key(gallery.shop, MODELS)
