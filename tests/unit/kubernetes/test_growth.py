"""Snapshots that outgrow the searchers which follow them."""

import pytest

from services.kubernetes.objects import searcher_objects
from services.kubernetes.planning import plan_searchers
from services.kubernetes.quantities import memory_words
from services.kubernetes.rules.growth import findings
from services.kubernetes.sizing import NEAR_SHARE, need_of
from services.kubernetes.wishes import Packs, Wishes
from tests.support.manifests import manifest_of, shard_of
from tests.support.overlays import Objects, workload

IMAGES = 200_000
WISHES = Wishes(packs=Packs(below="0"))


def rendered(*categories: str) -> Objects:
    """Return the objects of a searcher per category."""
    plans = plan_searchers(manifest_of(dict.fromkeys(categories, IMAGES)), WISHES)
    return [each for plan in plans for each in searcher_objects(plan, "aisle/searcher:1")]


def test_searchers_are_enough_for_what_they_were_rendered_from() -> None:
    """With room to grow."""
    assert list(findings(rendered("Bag", "Coat"), manifest_of({"Bag": IMAGES, "Coat": IMAGES}))) == []


@pytest.mark.parametrize(("growth", "warns"), [(1.05, None), (1.16, True), (1.4, False)])
def test_a_grown_shard_is_a_warning_before_it_is_a_finding(growth: float, *, warns: bool | None) -> None:
    """What it takes and has is said, and nothing of others."""
    found = list(findings(rendered("Bag", "Coat"), manifest_of({"Bag": int(IMAGES * growth), "Coat": IMAGES})))
    assert [(each.where, each.is_warning) for each in found] == (
        [] if warns is None else [("Deployment/searcher-bag", warns)]
    )
    assert all("its memory has" in each.message and "render again" in each.message for each in found)


def test_the_warning_comes_at_the_figure_of_the_sizing() -> None:
    """A little above it, and not at it."""
    taken = need_of([shard_of("Bag", IMAGES)], 2).taken_bytes
    for share, times in ((NEAR_SHARE - 0.001, 0), (NEAR_SHARE + 0.001, 1)):
        objects = rendered("Bag")
        memory = memory_words(int(taken / share))
        workload(objects, "searcher-bag").containers[0]["resources"]["limits"].update(memory=memory, cpu="2")
        assert len(list(findings(objects, manifest_of({"Bag": IMAGES})))) == times


def test_no_memory_at_all_is_too_little() -> None:
    """An API server takes it for an amount."""
    objects = rendered("Bag")
    workload(objects, "searcher-bag").containers[0]["resources"]["limits"].update(memory="0")
    assert [each.is_warning for each in findings(objects, manifest_of({"Bag": IMAGES}))] == [False]


def test_a_cache_is_outgrown_too() -> None:
    """With memory to spare: a kubelet evicts a pod whose cache is too large. Snapshots on a volume are not fetched."""
    plan = plan_searchers(manifest_of({"Bag": IMAGES}), Wishes(memory="8Gi", packs=Packs(below="0")))
    grown = manifest_of({"Bag": 2 * IMAGES})
    for root, times in (("s3://bucket", 1), ("/snapshots", 0)):
        told = {"kind": "ConfigMap", "metadata": {"name": "snapshots"}, "data": {"root": root}}
        found = list(findings([*searcher_objects(plan[0], "aisle/searcher:1"), told], grown))
        assert ["its cache has" in each.message and not each.is_warning for each in found] == [True] * times


def test_new_and_vanished_shards_are_said() -> None:
    """A new one is not searched until it is rendered; one that vanished costs nothing but its searcher."""
    found = {
        each.message: each.is_warning
        for each in findings(rendered("Bag", "Coat"), manifest_of({"Bag": IMAGES, "Hat": 9}))
    }
    assert found == {
        "shard hat is served by no searcher: render again": False,
        "the snapshot has no shard coat any more: render again": True,
    }


def test_a_baseline_that_nobody_serves_is_a_choice() -> None:
    """Of the overlay's `searchers.yaml`."""
    assert list(findings(rendered("Bag"), manifest_of({"Bag": IMAGES}, baseline=True))) == []
