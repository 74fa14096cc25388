"""What a gateway begins with, by what the searchers say."""

from services.common.errors import SnapshotNotFound
from services.gateway.roll_call import RollCall
from services.snapshot.manifest import Manifest
from tests.support.gateway import manifest_of
from tests.support.roll_call import ALL, TOPOLOGY, FakeDescribing


async def read(snapshot_id: str) -> Manifest:
    """Return a manifest, but that of "deleted"."""
    if snapshot_id == "deleted":
        raise SnapshotNotFound("there is no such snapshot")
    return manifest_of(snapshot_id=snapshot_id)


async def begins_with(searchers: FakeDescribing, current: str = "c") -> str:
    """Return the snapshot that a gateway begins with."""
    first = await RollCall(searchers, TOPOLOGY).first_snapshot(manifest_of(snapshot_id=current), read)
    return first.snapshot_id


async def test_searchers_say_what_they_serve_why_not_or_nothing() -> None:
    """Three answers: all shards, not this snapshot, nobody there."""
    searchers = FakeDescribing({"one": {"a", "b"}, "two": {"a"}})
    answers = await RollCall(searchers, TOPOLOGY).ask("b")
    assert answers.served == {"one": ALL, "two": None}
    assert answers.why_not == {"two": "two refused it"}
    searchers.lost.add("two")
    answers = await RollCall(searchers, TOPOLOGY).ask("b")
    assert (answers.served, answers.why_not) == ({"one": ALL}, {"two": "nobody there"})


async def test_a_gateway_begins_with_the_current_snapshot_if_no_searcher_lacks_it() -> None:
    """Whatever else they serve; also when nobody is there yet: all of them are about to load it."""
    assert await begins_with(FakeDescribing({"one": {"b", "c"}, "two": {"c"}})) == "c"
    assert await begins_with(FakeDescribing(lost={"one", "two"})) == "c"


async def test_in_the_middle_of_a_rollout_it_begins_with_what_the_others_are_with() -> None:
    """The newest that nobody lacks and that can be read."""
    assert await begins_with(FakeDescribing({"one": {"a", "b", "c"}, "two": {"a", "b"}})) == "b"
    assert await begins_with(FakeDescribing({"one": {"a", "c", "deleted"}, "two": {"a", "deleted"}})) == "a"


async def test_where_nothing_is_complete_it_begins_with_the_current_one() -> None:
    """Answers are partial either way, and say so."""
    assert await begins_with(FakeDescribing({"one": {"c"}, "two": {"a"}})) == "c"
