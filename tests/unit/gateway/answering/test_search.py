"""The use case over fakes: what is asked of whom, and what is made of the answers."""

import asyncio
import math
from dataclasses import replace

import pytest

from services.common.errors import (
    ModelUnavailable,
    PolicyUnavailable,
    Unavailable,
    UnknownCategory,
)
from services.gateway.answering.agreement import Routed
from services.gateway.answering.catalog import Catalog
from services.gateway.answering.query import Policy, Query, Rung, Verdict
from services.gateway.answering.scatter import ShardQuery
from services.photo.region import Region
from services.relevance.scoring import SimilarityMap
from tests.support.clocks import ManualClock
from tests.support.gateway import (
    CATEGORIES,
    CLASSIFIER,
    KEY,
    LIKELY,
    REPORT,
    VERSIONS,
    FakeDecoder,
    FakeModels,
    FakeSearchers,
    Gate,
    manifest_of,
    photo_search,
    query,
    relevance_of,
)


async def test_an_answer_tells_what_was_done() -> None:
    """Hits, categories, coverage, photo, stages, snapshot, models and rung of a photo that met no trouble."""
    region = Region(0.0, 0.0, 0.5, 0.5)
    decoder, searchers = FakeDecoder(), FakeSearchers({"coats": {"loden": 0.75, "parka": 0.5}})
    search = photo_search(decoder=decoder, searchers=searchers)
    answer = await search.answer(query(Policy.TOP_1, region=region, top_k=1), None)
    assert decoder.asked == [(b"photo", region)]
    (hit,) = answer.hits
    assert (hit.product_id, hit.category, hit.similarity) == ("loden", "Coats", 0.75)
    assert hit.score == pytest.approx(LIKELY)
    assert answer.categories[0][1] == pytest.approx(0.6)
    assert [category for category, _ in answer.categories] == ["Coats", "Shirts", "Bags", "Shoes"]
    assert answer.coverage.share == answer.coverage.planned_share == pytest.approx(0.6)
    assert not answer.coverage.partial
    assert answer.photo == REPORT
    assert set(answer.stage_seconds) == {"decode", "embed", "classify", "route", "scatter", "merge", "total"}
    assert answer.snapshot_id == search.catalog.manifest.snapshot_id
    assert (answer.models, answer.rung, answer.verdict) == (VERSIONS, Rung.FULL, Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("policy", "asked"),
    [
        (Policy.TOP_1, {"coats"}),
        (Policy.TOP_P, {"coats", "shirts", "bags"}),
        (Policy.ADAPTIVE, {"coats", "shirts"}),
        (Policy.ALL, {"bags", "coats", "shirts", "shoes"}),
        (Policy.BASELINE, {"_all"}),
    ],
)
async def test_a_policy_asks_its_shards_once(policy: Policy, asked: set[str]) -> None:
    """No shard more, none twice, all with the same vector: little-endian float32."""
    searchers = FakeSearchers()
    manifest = manifest_of(baseline=True, relevance=relevance_of())
    await photo_search(manifest=manifest, searchers=searchers).answer(query(policy), None)
    assert searchers.asked == dict.fromkeys(asked, 1)
    assert set(searchers.queries) == {ShardQuery(KEY, bytes.fromhex("0000803f") + bytes(12), top_k=10, exact=False)}


async def test_an_exact_search_is_exact_in_every_shard() -> None:
    """For measuring."""
    searchers = FakeSearchers()
    await photo_search(searchers=searchers).answer(query(exact=True), None)
    assert [each.exact for each in searchers.queries] == [True] * len(CATEGORIES)


async def test_exact_searches_do_not_make_usual_ones_dead_work() -> None:
    """They take a hundred times as long: who has half a second for a usual search must not be refused for that."""
    clock, gates = ManualClock(), dict[str, Gate]()
    search = photo_search(clock=clock, searchers=FakeSearchers(gates=gates))
    for _ in range(20):
        gate = gates["coats"] = Gate(is_open=False)
        answering = asyncio.create_task(search.answer(query(Policy.TOP_1, exact=True), None))
        await gate.was_entered()
        clock.advance(1.0)
        gate.open()
        await answering
    gate = gates["coats"] = Gate(is_open=False)
    exactly = asyncio.create_task(search.answer(query(Policy.TOP_1, exact=True), None))
    await gate.was_entered()
    in_half_a_second = asyncio.create_task(search.answer(query(Policy.TOP_1), 0.5))
    await gate.was_entered(2)
    gate.open()
    assert (await in_half_a_second).hits
    await exactly


async def test_the_models_are_called_side_by_side() -> None:
    """Neither waits for the other's answer."""
    models = FakeModels(embedding=Gate(is_open=False), classifying=Gate(is_open=False))
    answering = asyncio.create_task(photo_search(models=models).answer(query(), None))
    await models.embedding.was_entered()
    await models.classifying.was_entered()
    models.embedding.open()
    models.classifying.open()
    await answering


async def test_the_shards_are_asked_side_by_side() -> None:
    """The slowest shard sets the time, not their sum."""
    gates = {slug: Gate(is_open=False) for slug in ("bags", "coats", "shirts", "shoes")}
    answering = asyncio.create_task(photo_search(searchers=FakeSearchers(gates=gates)).answer(query(), None))
    for gate in gates.values():
        await gate.was_entered()
    for gate in gates.values():
        gate.open()
    assert len((await answering).hits) == 4


@pytest.mark.parametrize("asked", [query(Policy.BASELINE), query(categories=("Shoes",))])
async def test_the_classifier_is_not_asked_in_vain(asked: Query) -> None:
    """BASELINE and the caller's own categories need no classifier, and the answer does not claim one."""
    models = FakeModels()
    answer = await photo_search(manifest=manifest_of(baseline=True), models=models).answer(asked, None)
    assert models.classifying.entered == 0
    assert (answer.categories, answer.models, answer.rung) == ((), VERSIONS[:1], Rung.FULL)
    assert "classify" not in answer.stage_seconds
    assert (answer.coverage.share, answer.coverage.planned_share) == (1.0, 1.0)


async def test_the_caller_s_categories_override_the_policy() -> None:
    """Also BASELINE, for which this snapshot has no index."""
    searchers = FakeSearchers()
    await photo_search(searchers=searchers).answer(query(Policy.BASELINE, categories=("Shoes", "Bags", "Shoes")), None)
    assert searchers.asked == {"shoes": 1, "bags": 1}


@pytest.mark.parametrize(
    ("asked", "error"),
    [(query(Policy.BASELINE), PolicyUnavailable), (query(categories=("Spoons",)), UnknownCategory)],
)
async def test_what_the_snapshot_lacks_is_refused_before_any_work(asked: Query, error: type[Exception]) -> None:
    """Nothing is decoded, and no model is asked."""
    decoder, models = FakeDecoder(), FakeModels()
    with pytest.raises(error):
        await photo_search(decoder=decoder, models=models).answer(asked, None)
    assert decoder.asked == []
    assert models.timeouts == {}


async def test_scores_come_from_each_shard_s_own_map() -> None:
    """The same similarity is worth more where similarities are low."""
    maps = {"Coats": SimilarityMap(slope=2.0, intercept=-2.0), "Shoes": SimilarityMap(slope=4.0, intercept=-2.0)}
    searchers = FakeSearchers({"coats": {"loden": 0.5}, "shoes": {"boot": 0.5}})
    search = photo_search(manifest=manifest_of(maps=maps), searchers=searchers)
    answer = await search.answer(query(categories=("Coats", "Shoes")), None)
    assert [hit.product_id for hit in answer.hits] == ["boot", "loden"]
    assert [hit.score for hit in answer.hits] == pytest.approx([0.5, 1 / (1 + math.e)])


async def test_the_prior_takes_part_in_adaptive() -> None:
    """Equal similarity: the likelier category wins; by similarity alone it would be the lower product id."""
    searchers = FakeSearchers({"coats": {"z-loden": 0.5}, "shirts": {"a-polo": 0.5}, "bags": {}})
    search = photo_search(manifest=manifest_of(relevance=relevance_of()), searchers=searchers)
    adaptive = await search.answer(query(Policy.ADAPTIVE), None)
    assert [hit.product_id for hit in adaptive.hits] == ["z-loden", "a-polo"]
    lifts = [(0.9 * prior + 0.1 / 4) * 4 for prior in (0.6, 0.2)]  # the odds, as the similarity's are even
    assert [hit.score for hit in adaptive.hits] == pytest.approx([lift / (1 + lift) for lift in lifts])
    plain = await search.answer(query(Policy.TOP_P), None)
    assert [hit.product_id for hit in plain.hits] == ["a-polo", "z-loden"]


async def test_adaptive_looks_further_when_it_found_nothing_convincing() -> None:
    """The second wave's hit is in the answer, and coverage has both waves."""
    products = {"coats": {"loden": 0.1}, "shirts": {"polo": 0.1}, "bags": {"tote": 0.9}, "shoes": {"boot": 0.2}}
    search = photo_search(manifest=manifest_of(relevance=relevance_of()), searchers=FakeSearchers(products))
    answer = await search.answer(query(Policy.ADAPTIVE), None)
    assert answer.hits[0].product_id == "tote"
    assert [(shard.category, shard.wave) for shard in answer.coverage.shards] == [
        ("Coats", 1),
        ("Shirts", 1),
        ("Bags", 2),
        ("Shoes", 2),
    ]
    assert answer.coverage.planned_share == pytest.approx(1.0)


async def test_adaptive_without_learning_answers_as_all_does() -> None:
    """Whether nothing was learned, or about another classifier."""
    products = {"coats": {"loden": 0.4}, "shoes": {"boot": 0.6}}
    for relevance in (None, relevance_of(classifier_sha256="ef" * 32)):
        search = photo_search(manifest=manifest_of(relevance=relevance), searchers=FakeSearchers(products))
        adaptive, everything = [await search.answer(query(policy), None) for policy in (Policy.ADAPTIVE, Policy.ALL)]
        assert adaptive == everything


@pytest.mark.parametrize(
    ("policy", "similarity", "verdict"),
    [
        (Policy.ALL, 0.55, Verdict.MATCH),  # a probability of 0.62; a match is 0.6
        (Policy.ALL, 0.53, Verdict.NO_GOOD_MATCH),
        (Policy.ADAPTIVE, 0.55, Verdict.MATCH),  # 0.79 with the prior; a match is 0.7
        (Policy.ADAPTIVE, 0.48, Verdict.NO_GOOD_MATCH),  # 0.65
    ],
)
async def test_a_best_hit_below_the_threshold_is_no_good_match(
    policy: Policy, similarity: float, verdict: Verdict
) -> None:
    """Plain and fused scores have a threshold each; the hits are there all the same."""
    searchers = FakeSearchers({"coats": {"loden": similarity}, "shirts": {}, "bags": {}, "shoes": {}})
    search = photo_search(manifest=manifest_of(relevance=relevance_of()), searchers=searchers)
    answer = await search.answer(query(policy), None)
    assert (answer.verdict, len(answer.hits)) == (verdict, 1)


@pytest.mark.parametrize("policy", [Policy.TOP_1, Policy.TOP_P, Policy.ADAPTIVE])
async def test_a_routed_answer_is_told_to_who_checks_it(policy: Policy) -> None:
    """With what it takes to search everywhere in the same way, and how many others are in work."""
    told: list[tuple[Routed, int]] = []
    search = photo_search(manifest=manifest_of(relevance=relevance_of()), on_routed=lambda *routed: told.append(routed))
    answer = await search.answer(query(policy, top_k=3), None)
    ((routed, others),) = told
    assert (routed.policy, routed.hits, others) == (policy, answer.hits, 0)
    assert [shard.category for shard in routed.shards] == ["Coats", "Shirts", "Bags", "Shoes"]
    assert routed.query.top_k == 3
    assert (routed.scoring.fusion is not None) == (policy in (Policy.TOP_1, Policy.ADAPTIVE))


@pytest.mark.parametrize(
    ("asked", "models", "errors"),
    [
        (query(Policy.ALL), FakeModels(), {}),
        (query(Policy.BASELINE), FakeModels(), {}),
        (query(Policy.TOP_1, categories=("Shoes",)), FakeModels(), {}),
        (query(Policy.TOP_1), FakeModels(classify_error=ModelUnavailable("gone")), {}),
        (query(Policy.TOP_1), FakeModels(), {"coats": Unavailable("gone")}),
    ],
)
async def test_what_was_not_routed_or_is_not_complete_is_not_checked(
    asked: Query, models: FakeModels, errors: dict[str, Exception]
) -> None:
    """The classifier had no choice in it, or what is missing is not its fault."""
    told: list[Routed] = []
    search = photo_search(
        manifest=manifest_of(baseline=True),
        models=models,
        searchers=FakeSearchers(errors=errors),
        on_routed=lambda routed, _: told.append(routed),
    )
    await search.answer(asked, None)
    assert told == []


async def test_no_more_categories_are_shown_than_a_person_reads() -> None:
    """Ten of twelve, likeliest first."""
    categories = [f"C{number:02}" for number in range(12)]
    models = FakeModels(probabilities=[0.01 * number for number in range(12)])
    models.classifiers = (replace(CLASSIFIER, labels=tuple(categories)),)
    search = photo_search(manifest=manifest_of(categories), classifier=models.classifiers[0], models=models)
    answer = await search.answer(query(Policy.TOP_1), None)
    assert [category for category, _ in answer.categories] == list(reversed(categories))[:10]


async def test_a_photo_in_work_ends_with_the_snapshot_that_it_began_with() -> None:
    """Ranking, plan, shards and name: all of the one before; the next photo is answered from the new one."""
    models, searchers = FakeModels(embedding=Gate(is_open=False)), FakeSearchers()
    search = photo_search(models=models, searchers=searchers)
    answering = asyncio.create_task(search.answer(query(Policy.TOP_P, probability_mass=1.0), None))
    await models.embedding.was_entered()
    search.serve(Catalog.of(manifest_of(["Bags"], snapshot_id="next"), CLASSIFIER))
    models.embedding.open()
    answer = await answering
    assert answer.snapshot_id == KEY.snapshot_id
    assert {category for category, _ in answer.categories} == set(CATEGORIES)
    assert len(answer.coverage.shards) == len(CATEGORIES)
    assert {asked.snapshot for asked in searchers.queries} == {KEY}

    following = await search.answer(query(), None)
    assert (following.snapshot_id, len(following.coverage.shards)) == ("next", 1)
    assert searchers.queries[-1].snapshot.snapshot_id == "next"


async def test_one_model_that_is_both_is_asked_once() -> None:
    """It has the whole time of the models, and the answer has no stage of a second call."""
    models = FakeModels(are_joined=True)
    answer = await photo_search(models=models).answer(query(), None)
    assert [category for category, _ in answer.categories] == ["Coats", "Shirts", "Bags", "Shoes"]
    assert (answer.models, answer.rung) == (VERSIONS, Rung.FULL)
    assert set(answer.stage_seconds) == {"decode", "embed", "route", "scatter", "merge", "total"}
    assert set(models.timeouts) == {"both"}


async def test_a_joined_model_only_embeds_where_nobody_wants_categories() -> None:
    """As for the baseline: there is nothing to classify."""
    models = FakeModels(are_joined=True)
    search = photo_search(models=models, manifest=manifest_of(baseline=True))
    assert (await search.answer(query(Policy.BASELINE), None)).categories == ()
    assert set(models.timeouts) == {"embedder"}


async def test_without_a_joined_model_there_is_no_answer() -> None:
    """Its embedder is lost with it."""
    models = FakeModels(are_joined=True, embed_error=ModelUnavailable("gone"))
    with pytest.raises(ModelUnavailable):
        await photo_search(models=models).answer(query(), None)
