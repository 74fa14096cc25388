"""From manifests and wishes to searchers."""

import pytest

from services.common.errors import SettingsInvalid, SnapshotInvalid
from services.kubernetes.planning import MOST_CATEGORIES, plan_searchers, shard_map
from services.kubernetes.quantities import amount
from services.kubernetes.wishes import Packs, Replicas, ShardWishes, Wishes
from services.snapshot.manifest import Manifest
from tests.support.manifests import manifest_of

ALONE = Wishes(packs=Packs(below="0"))
LARGE = 200_000
"""Images of a shard that has a searcher of its own."""


def test_large_shards_have_searchers_of_their_own_and_small_ones_share() -> None:
    """The baseline is never packed, and no category can have its searcher's name."""
    manifest = manifest_of({"Bag": LARGE, "Coat": 10, "Dress": 10, "Baseline": LARGE}, baseline=True)
    searchers = {each.name: each.slugs for each in plan_searchers(manifest, Wishes())}
    assert searchers == {
        "baseline-searcher": ("_all",),
        "searcher-bag": ("bag",),
        "searcher-baseline": ("baseline",),
        "small-searcher": ("coat", "dress"),
    }


def test_the_shard_map_names_every_shard_once() -> None:
    """Shards that share a searcher have the same target."""
    searchers = plan_searchers(manifest_of({"Bag": LARGE, "Coat": 10, "Dress": 10}, baseline=True), Wishes())
    assert shard_map(searchers) == {
        "_all": ["baseline-searcher:50052"],
        "bag": ["searcher-bag:50052"],
        "coat": ["small-searcher:50052"],
        "dress": ["small-searcher:50052"],
    }


def test_more_images_mean_more_memory_and_cores() -> None:
    """Two snapshots have to fit, and a search takes a core for longer."""
    small, large = (plan_searchers(manifest_of({"Bag": images}), ALONE)[0] for images in (10_000, 1_000_000))
    assert small.cores < large.cores
    assert large.memory_bytes > 2 * 1_000_000 * 1_024 > small.memory_bytes


def test_exceptions_are_for_one_shard() -> None:
    """What is asked for one shard leaves the others as they are; it has a searcher of its own then, however small."""
    wishes = Wishes(
        replicas=Replicas(least=3, most=5),
        shards={"coat": ShardWishes(memory="4Gi", cores=3, replicas=Replicas(least=1))},
    )
    coat, others = plan_searchers(manifest_of({"Bag": 10, "Coat": 10, "Dress": 10}), wishes)
    assert (coat.name, coat.memory_bytes, coat.cores, coat.replicas.least) == ("searcher-coat", amount("4Gi"), 3, 1)
    assert (others.slugs, others.replicas.least) == (("bag", "dress"), 3)


def test_the_baseline_may_be_left_out() -> None:
    """It takes as much as all others."""
    manifest = manifest_of({"Bag": LARGE}, baseline=True)
    assert [each.name for each in plan_searchers(manifest, Wishes(baseline=False))] == ["searcher-bag"]


@pytest.mark.parametrize("wishes", [Wishes(memory="128Mi"), Wishes(shards={"bag": ShardWishes(memory="128Mi")})])
def test_less_memory_than_the_shard_needs_is_refused(wishes: Wishes) -> None:
    """The message names the searcher, the shard, what was asked for and what is needed."""
    with pytest.raises(
        SettingsInvalid, match=r"searcher-bag is to have 128Mi, but shard bag needs .*\d+Mi.*ask for that"
    ):
        plan_searchers(manifest_of({"Bag": LARGE}), wishes)


def test_an_exception_for_no_shard_is_refused() -> None:
    """A misspelt slug is said, with what may have been meant."""
    with pytest.raises(SettingsInvalid, match="no shard 'bags'; did you mean bag\\?"):
        plan_searchers(manifest_of({"Bag": 10}), Wishes(shards={"bags": ShardWishes(cores=2)}))


@pytest.mark.parametrize("slug", ["Bags", "a_b", "-bag", "bag-", "a" * 51, "büro"])
def test_a_slug_that_is_no_dns_label_is_refused(slug: str) -> None:
    """A manifest that has one is none; the category, the slug and what to do are said."""
    text = manifest_of({"Bag": 10}).to_json().replace('"slug": "bag"', f'"slug": "{slug}"')
    with pytest.raises(SnapshotInvalid, match=r"category 'Bag' is called.*index the catalogue again") as refused:
        Manifest.from_json(text, "manifest.json")
    assert repr(slug) in refused.value.message


def test_two_categories_with_one_slug_are_refused() -> None:
    """A manifest that has them is none; both are named."""
    text = manifest_of({"Bag": 10, "Coat": 10}).to_json().replace('"slug": "coat"', '"slug": "bag"')
    with pytest.raises(SnapshotInvalid, match=r"same slug, 'bag'.*'Bag' and 'Coat'; rename one"):
        Manifest.from_json(text, "manifest.json")


def test_too_many_categories_are_refused() -> None:
    """Five hundred are no top level of a hierarchy."""
    manifest = manifest_of({f"Category {number}": 10 for number in range(500)})
    with pytest.raises(SnapshotInvalid, match=f"500 categories.*{MOST_CATEGORIES} at most: index by a higher level"):
        plan_searchers(manifest, Wishes())
