"""What a gateway begins with, by what fits the models and what the searchers say."""

from collections.abc import Collection, Iterator, Mapping

import pytest
from structlog.testing import capture_logs

from services.common.errors import AisleError, SnapshotInvalid, SpaceMismatch, Unavailable
from services.gateway.answering.catalog import Catalog
from services.gateway.following.beginning import first_catalog
from services.gateway.following.roll_call import RollCall
from services.snapshot.descent import predecessors
from tests.support.gateway import CLASSIFIER, manifest_of
from tests.support.roll_call import TOPOLOGY, FakeDescribing

HERE = "abcdefghijklmnopqrstuvwxyz"


async def begins_with(
    searchers: FakeDescribing,
    current: str = "c",
    *,
    bad: Mapping[str, AisleError] | None = None,
    parents: Mapping[str, str] | None = None,
    here: Collection[str] = HERE,
) -> str:
    """Return the snapshot that a gateway begins with; "bad" ones can't be read or don't fit."""

    async def catalog_of(snapshot_id: str) -> Catalog:
        if snapshot_id in (bad or {}):
            raise (bad or {})[snapshot_id]
        return Catalog.of(manifest_of(snapshot_id=snapshot_id), CLASSIFIER)

    def before(snapshot_id: str) -> Iterator[str]:
        return predecessors(snapshot_id, here, lambda each: (parents or {}).get(each, ""))

    first = await first_catalog(
        current, predecessors=before, catalog_of=catalog_of, roll_call=RollCall(searchers, TOPOLOGY)
    )
    return first.key.snapshot_id


async def test_a_gateway_begins_with_the_current_snapshot_if_no_searcher_lacks_it() -> None:
    """Whatever else they serve; also when nobody is there yet: all of them are about to load it."""
    assert await begins_with(FakeDescribing({"one": {"b", "c"}, "two": {"c"}})) == "c"
    assert await begins_with(FakeDescribing(lost={"one", "two"})) == "c"


async def test_in_the_middle_of_a_rollout_it_begins_with_what_the_others_are_with() -> None:
    """The newest that nobody lacks and that can be read, however many there are between."""
    assert await begins_with(FakeDescribing({"one": {"a", "b", "c"}, "two": {"a", "b"}})) == "b"
    torn = {"b": SnapshotInvalid("torn")}
    assert await begins_with(FakeDescribing({"one": {"a", "b", "c"}, "two": {"a", "b"}}), bad=torn) == "a"
    assert await begins_with(FakeDescribing({"one": {"a", "z"}, "two": {"a"}}), current="z") == "a"


async def test_where_nothing_is_complete_it_begins_with_the_current_one() -> None:
    """Answers are partial either way, and say so."""
    assert await begins_with(FakeDescribing({"one": {"c"}, "two": {"a"}})) == "c"


async def test_it_never_begins_with_what_was_rolled_back() -> None:
    """Neither with what is newer than the current one, nor with what lies between that and its parent."""
    assert await begins_with(FakeDescribing({"one": {"c", "d"}, "two": {"d"}})) == "c"
    searchers = FakeDescribing({"one": {"a", "b", "c"}, "two": {"a", "b"}})
    assert await begins_with(searchers, parents={"c": "a"}) == "a"


@pytest.mark.parametrize("error", [SnapshotInvalid("a newer schema"), SpaceMismatch("of another embedder")])
async def test_while_the_current_one_does_not_fit_it_begins_with_the_last_that_does(error: AisleError) -> None:
    """With what searchers have, if only some; while nobody answers with the one before, as they will, too."""
    serving_b = FakeDescribing({"one": {"a", "b", "c"}, "two": {"b", "c"}})
    with capture_logs() as logged:
        assert await begins_with(serving_b, bad={"c": error}) == "b"
    assert [(line["event"], line["snapshot_id"], line["why"], line["serving"]) for line in logged] == [
        ("current_is_passed_over", "c", error.message, "b")
    ]
    assert await begins_with(FakeDescribing({"one": {"a"}, "two": {"a"}}), bad={"c": error}) == "a"
    assert await begins_with(FakeDescribing({"one": {"a"}, "two": {"c"}}), bad={"c": error}) == "a"
    assert await begins_with(FakeDescribing(lost={"one", "two"}), bad={"c": error}) == "b"
    assert await begins_with(FakeDescribing({"one": {"c"}, "two": {"c"}}), bad={"c": error}) == "b"


async def test_when_nothing_fits_it_ends_with_what_is_wrong_with_the_current_one() -> None:
    """Ten before it are looked at; what is wrong with all of them is not in the snapshots."""
    bad: dict[str, AisleError] = {each: SnapshotInvalid(f"{each} is torn") for each in HERE[15:]}
    with pytest.raises(SnapshotInvalid, match="z is torn"):
        await begins_with(FakeDescribing(lost={"one", "two"}), "z", bad=bad)
    del bad["p"]
    assert await begins_with(FakeDescribing(lost={"one", "two"}), "z", bad=bad) == "p"


async def test_snapshots_that_can_not_be_listed_are_as_none() -> None:
    """What is wrong with the current one is said, not that."""

    def unlisted(_snapshot_id: str) -> Iterator[str]:
        raise Unavailable("the storage does not answer")

    async def torn(snapshot_id: str) -> Catalog:
        raise SnapshotInvalid(f"{snapshot_id} is torn")

    with pytest.raises(SnapshotInvalid, match="c is torn"):
        await first_catalog("c", predecessors=unlisted, catalog_of=torn, roll_call=RollCall(FakeDescribing(), TOPOLOGY))
