"""What the searchers say, taken together."""

from services.gateway.following.roll_call import RollCall
from tests.support.gateway import manifest_of
from tests.support.roll_call import ALL, TOPOLOGY, FakeDescribing


async def test_searchers_say_what_they_serve_why_not_or_nothing() -> None:
    """Three answers: all shards, not this snapshot, nobody there."""
    searchers = FakeDescribing({"one": {"a", "b"}, "two": {"a"}})
    answers = await RollCall(searchers, TOPOLOGY).ask("b")
    assert answers.served == {"one": ALL, "two": None}
    assert answers.why_not == {"two": "two refused it"}
    searchers.lost.add("two")
    answers = await RollCall(searchers, TOPOLOGY).ask("b")
    assert (answers.served, answers.why_not) == ({"one": ALL}, {"two": "nobody there"})


async def test_a_snapshot_is_loaded_when_no_searcher_that_answers_lacks_a_shard_of_it() -> None:
    """Whatever else they serve; also when nobody is there yet: all of them are about to load it."""
    manifest = manifest_of(snapshot_id="b")
    for searchers, expected in (
        (FakeDescribing({"one": {"a", "b"}, "two": {"b"}}), True),
        (FakeDescribing({"one": {"a", "b"}, "two": {"a"}}), False),
        (FakeDescribing(lost={"one", "two"}), True),
    ):
        assert await RollCall(searchers, TOPOLOGY).is_loaded(manifest) is expected


async def test_served_is_what_any_searcher_serves() -> None:
    """Those that don't answer serve nothing."""
    searchers = FakeDescribing({"one": {"a", "b"}, "two": {"c"}})
    assert await RollCall(searchers, TOPOLOGY).served_ids() == {"a", "b", "c"}
    searchers.lost.add("two")
    assert await RollCall(searchers, TOPOLOGY).served_ids() == {"a", "b"}
