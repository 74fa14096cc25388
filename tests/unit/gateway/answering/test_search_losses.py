"""The use case over fakes when something is lost: what is still answered, what it says, and what is cancelled."""

import asyncio

import pytest

from services.common.errors import (
    CoverageTooLow,
    DeadlineExceeded,
    ImageUnreadable,
    ModelUnavailable,
    Overloaded,
    Unavailable,
)
from services.gateway.answering.coverage import ShardState
from services.gateway.answering.ladder import LadderRules
from services.gateway.answering.query import Policy, Rung
from tests.support.gateway import (
    CATEGORIES,
    LIKELY,
    VERSIONS,
    FakeDecoder,
    FakeModels,
    FakeSearchers,
    Gate,
    manifest_of,
    photo_search,
    query,
    relevance_of,
    until,
)


async def test_an_unreadable_photo_costs_no_model() -> None:
    """The decoder's word is passed on."""
    models = FakeModels()
    with pytest.raises(ImageUnreadable):
        await photo_search(decoder=FakeDecoder(error=ImageUnreadable("torn")), models=models).answer(query(), None)
    assert models.timeouts == {}


@pytest.mark.parametrize("policy", [Policy.TOP_1, Policy.TOP_P, Policy.ADAPTIVE, Policy.ALL])
@pytest.mark.parametrize("error", [ModelUnavailable("gone"), DeadlineExceeded("late"), Overloaded("full")])
async def test_without_the_classifier_every_shard_is_searched(policy: Policy, error: Exception) -> None:
    """A complete answer, ranked by similarity alone, that says on which rung it was made."""
    searchers = FakeSearchers({"coats": {"loden": 0.5}, "shoes": {"boot": 0.75}})
    search = photo_search(
        manifest=manifest_of(relevance=relevance_of()),
        models=FakeModels(classify_error=error),
        searchers=searchers,
    )
    answer = await search.answer(query(policy, top_k=2), None)
    assert set(searchers.asked) == {category.lower() for category in CATEGORIES}
    assert [hit.score for hit in answer.hits] == pytest.approx([LIKELY, 0.5])
    assert (answer.rung, answer.categories, answer.models) == (Rung.NO_CLASSIFIER, (), VERSIONS[:1])
    assert (answer.coverage.share, answer.coverage.partial) == (1.0, False)


async def test_a_lost_classifier_does_not_end_the_restraint_of_the_rung() -> None:
    """Searching every shard without hedging and coarsely: the load that led there has not become less."""
    searchers = FakeSearchers()
    search = photo_search(
        models=FakeModels(classify_error=ModelUnavailable("gone")),
        searchers=searchers,
        ladder=LadderRules(pinned=Rung.COARSE),
    )
    answer = await search.answer(query(Policy.TOP_1), None)
    assert answer.rung is Rung.NO_CLASSIFIER
    assert len(searchers.queries) == len(CATEGORIES)
    assert all(asked.coarse for asked in searchers.queries)
    assert set(searchers.weights.values()) == {None}


async def test_a_photo_of_nothing_that_is_sold_here_is_no_degradation() -> None:
    """The classifier has answered, and has nothing to say about these categories: all are searched."""
    search = photo_search(
        manifest=manifest_of(["Bags", "Coats"]), models=FakeModels((0.0, 0.0, 0.9, 0.1)), searchers=FakeSearchers()
    )
    answer = await search.answer(query(Policy.TOP_1), None)
    assert (answer.rung, answer.categories, answer.models) == (Rung.FULL, (), VERSIONS)
    assert [shard.category for shard in answer.coverage.shards] == ["Bags", "Coats"]


async def test_without_the_embedder_there_is_no_answer_and_the_classifier_is_cancelled() -> None:
    """UNAVAILABLE at once; nobody waits for probabilities that nobody can use."""
    models = FakeModels(
        embed_error=ModelUnavailable("gone"), embedding=Gate(is_open=False), classifying=Gate(is_open=False)
    )
    searchers = FakeSearchers()
    answering = asyncio.create_task(photo_search(models=models, searchers=searchers).answer(query(), None))
    await models.classifying.was_entered()
    models.embedding.open()
    with pytest.raises(ModelUnavailable) as lost:
        await answering
    assert lost.value.code == "UNAVAILABLE"
    await until(lambda: models.classifying.cancelled == 1)
    assert searchers.asked == {}


async def test_a_defect_of_the_classifier_is_no_degradation() -> None:
    """What is not an error of ours is not swept under the carpet."""
    with pytest.raises(ZeroDivisionError):
        await photo_search(models=FakeModels(classify_error=ZeroDivisionError())).answer(query(), None)


@pytest.mark.parametrize(
    ("error", "state", "detail"),
    [
        (DeadlineExceeded("too late"), ShardState.LATE, "too late"),
        (Unavailable("nobody there"), ShardState.FAILED, "UNAVAILABLE: nobody there"),
    ],
)
async def test_a_missing_shard_makes_the_answer_partial(error: Exception, state: ShardState, detail: str) -> None:
    """The others' hits are there; coverage has the state, the reason and the lost mass."""
    answer = await photo_search(searchers=FakeSearchers(errors={"coats": error})).answer(query(), None)
    assert {hit.category for hit in answer.hits} == {"Bags", "Shirts", "Shoes"}
    coverage = answer.coverage
    assert coverage.partial
    assert coverage.share == pytest.approx(0.4)
    assert coverage.planned_share == pytest.approx(1.0)
    assert [(shard.category, shard.state, shard.detail) for shard in coverage.shards] == [
        ("Coats", state, detail),
        ("Shirts", ShardState.ANSWERED, ""),
        ("Bags", ShardState.ANSWERED, ""),
        ("Shoes", ShardState.ANSWERED, ""),
    ]


async def test_all_shards_missing_is_an_empty_answer_that_says_so() -> None:
    """Partial is data, even at its extreme."""
    errors = {category.lower(): Unavailable("gone") for category in CATEGORIES}
    answer = await photo_search(searchers=FakeSearchers(errors=errors)).answer(query(), None)
    assert (answer.hits, answer.coverage.share, answer.coverage.partial) == ((), 0.0, True)


async def test_a_minimum_of_coverage_is_kept() -> None:
    """Below it: FAILED_PRECONDITION with its own reason; at it: the answer."""
    search = photo_search(searchers=FakeSearchers(errors={"coats": Unavailable("gone")}))
    with pytest.raises(CoverageTooLow) as refused:
        await search.answer(query(minimum_coverage=0.5), None)
    assert (refused.value.code, refused.value.field) == ("FAILED_PRECONDITION", "minimum_coverage")
    assert (await search.answer(query(minimum_coverage=0.4), None)).coverage.partial
    assert (await photo_search().answer(query(minimum_coverage=1.0), None)).coverage.share == pytest.approx(1.0)
