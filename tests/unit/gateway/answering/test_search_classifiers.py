"""A classifier that takes the place of another: each photo is routed as the one that saw it says."""

import asyncio
from dataclasses import replace

from structlog.testing import capture_logs

from services.gateway.answering.query import ModelVersion, Policy
from tests.support.gateway import (
    CLASSIFIER,
    VERSIONS,
    FakeModels,
    Gate,
    manifest_of,
    photo_search,
    query,
    relevance_of,
)

BACKWARDS = replace(CLASSIFIER, version="c-2", sha256="ef" * 32, labels=CLASSIFIER.labels[::-1])
"""What `CLASSIFIER` says about coats, it says about shirts."""
FITTED = manifest_of(relevance=relevance_of())


async def test_each_photo_is_routed_by_the_classifier_that_saw_it() -> None:
    """Both serve, and whichever Triton answers, its probabilities are taken for its own labels."""
    models = FakeModels(classifiers=(CLASSIFIER, BACKWARDS))
    search = photo_search(models=models, manifest=FITTED)
    for classifier, best in ((CLASSIFIER, "Coats"), (BACKWARDS, "Shirts"), (CLASSIFIER, "Coats")):
        models.answering = classifier
        answer = await search.answer(query(Policy.TOP_1), None)
        assert (answer.categories[0][0], answer.coverage.shards[0].category) == (best, best)
        assert answer.models == (VERSIONS[0], ModelVersion.of(classifier))


async def test_what_was_learned_about_the_one_is_not_done_with_the_other() -> None:
    """ADAPTIVE leaves shards out only where it is known what the classifier is worth."""
    models = FakeModels(classifiers=(CLASSIFIER, BACKWARDS))
    search = photo_search(models=models, manifest=FITTED)
    shards = []
    for models.answering in (CLASSIFIER, BACKWARDS):
        answer = await search.answer(query(Policy.ADAPTIVE), None)
        shards.append(len(answer.coverage.shards))
    assert shards == [2, 4]


async def test_a_photo_in_work_ends_with_the_classifier_that_saw_it() -> None:
    """Though another one is seen meanwhile."""
    models = FakeModels(embedding=Gate(is_open=False))
    models.answering = CLASSIFIER
    search = photo_search(models=models, manifest=FITTED)
    answering = asyncio.create_task(search.answer(query(Policy.TOP_1), None))
    await models.embedding.was_entered()
    models.classifiers = (BACKWARDS,)
    assert search.catalog.classifier == BACKWARDS
    models.embedding.open()
    answer = await answering
    assert (answer.categories[0][0], answer.models) == ("Coats", VERSIONS)


async def test_the_change_is_said_once_with_what_it_costs() -> None:
    """What can be searched is then told as the new one sees it, and which models serve."""
    models = FakeModels()
    search = photo_search(models=models, manifest=FITTED)
    assert (search.catalog.fusion is not None, search.versions) == (True, VERSIONS)
    models.classifiers = (CLASSIFIER, BACKWARDS)
    with capture_logs() as logged:
        for _ in range(3):
            await search.answer(query(), None)
    assert [line["event"] for line in logged] == ["classifier_changed", "adaptive_is_not_fitted"]
    assert (logged[0]["before"], logged[0]["version"]) == ("c-1", "c-2")
    assert search.catalog.fusion is None
    assert search.versions == (*VERSIONS, ModelVersion.of(BACKWARDS))
