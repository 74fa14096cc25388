"""The limit does the whole work: its answers are those that brute force over every vector finds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.benchmarks.scale.photos import ServedModels, served_models
from services.benchmarks.speed.answering import Answering
from services.benchmarks.speed.limit import Limit
from services.gateway.answering.merging import Hit
from services.relevance.waves import Waves
from tests.support import tiny_models
from tests.support.cluster import FUSION, TrueHit, photo, probabilities_of, publish, true_hits
from tests.support.snapshots import PublishedSnapshot

PHOTOS = [photo(seed) for seed in range(20)]
EVERYWHERE = FUSION.model_copy(update={"waves": Waves(first_mass=0.6, weak_below=1.0, second_mass=1.0)})
"""No first wave is good enough, and the second is every other shard."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ServedModels:
    """The tiny models."""
    repository = tmp_path_factory.mktemp("repository")
    tiny_models.write_model(repository, "embedder", tiny_models.embedder())
    tiny_models.write_model(repository, "classifier", tiny_models.classifier(), labels=tiny_models.LABELS)
    return served_models(repository)


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> PublishedSnapshot:
    """A snapshot in which every shard is searched, in two waves."""
    return publish(tmp_path_factory.mktemp("everywhere"), fusion=EVERYWHERE)


@pytest.fixture(scope="module")
def limit(models: ServedModels, everywhere: PublishedSnapshot) -> Iterator[Limit]:
    """The limit over it."""
    with Limit(models, Answering(models, everywhere.root), cores=2) as limit:
        yield limit


def test_two_waves_find_what_brute_force_over_all_categories_does(limit: Limit, everywhere: PublishedSnapshot) -> None:
    """Products in their order, with the prior fused in."""
    for image in PHOTOS:
        priors = probabilities_of(image)
        assert _products(limit.answer(image)) == _products(true_hits(everywhere, image, 10, priors=priors))


def test_one_wave_searches_the_likeliest_categories_only(models: ServedModels, tmp_path: Path) -> None:
    """Those that hold 60 % of the probability."""
    snapshot = publish(tmp_path)
    with Limit(models, Answering(models, snapshot.root)) as limit:
        for image in PHOTOS:
            searched, mass = list[str](), 0.0
            for category, probability in probabilities_of(image).items():
                if mass < FUSION.waves.first_mass:
                    searched.append(category)
                mass += probability
            priors = probabilities_of(image)
            expected = true_hits(snapshot, image, 10, categories=searched, priors=priors)
            assert _products(limit.answer(image)) == _products(expected)


def test_batches_find_what_single_photos_do(limit: Limit) -> None:
    """Each photo's shards are its own, although each shard is searched once for all of them."""
    assert [_products(hits) for hits in limit.answers(PHOTOS)] == [_products(limit.answer(image)) for image in PHOTOS]


def test_its_figures_are_of_what_it_did(limit: Limit) -> None:
    """Every photo is timed, and the batch that does most is used from then on."""
    assert len(limit.one_by_one(PHOTOS)) == len(PHOTOS)
    alone = limit.alone(PHOTOS)
    assert limit.batch == max(alone.batches, key=alone.batches.__getitem__)
    assert alone.p50_ms > 0
    # Two cores can't use more processor time than twice the time.
    assert alone.full.photos_per_second * alone.full.cpu_ms <= 2 * 1000 * 1.1


def _products(hits: tuple[Hit, ...] | list[TrueHit]) -> list[str]:
    return [hit.product_id for hit in hits]
