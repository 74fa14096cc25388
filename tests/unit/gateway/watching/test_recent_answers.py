"""The photos of the last minute."""

import asyncio
from dataclasses import replace

from services.common.criticality import Criticality
from services.common.errors import Unavailable
from services.gateway.answering.query import Policy, Rung
from services.gateway.watching.recent_answers import RecentAnswers
from tests.support.clocks import ManualClock
from tests.support.gateway import FakeRecord, FakeSearchers, photo_search, query


async def test_they_are_counted_for_a_minute_and_passed_on() -> None:
    """Rungs, partial answers, errors and the mean coverage; a caller that did not wait is no error."""
    clock, record = ManualClock(), FakeRecord()
    recent = RecentAnswers(record, clock)
    whole = await photo_search().answer(query(Policy.ALL), None)
    lacking = await photo_search(searchers=FakeSearchers(errors={"shoes": Unavailable("gone")})).answer(
        query(Policy.ALL), None
    )
    assert recent.recent().answers == 0
    assert recent.recent().mean_coverage == 0.0
    recent.answered(whole, Criticality.INTERACTIVE, 0.1)
    clock.advance(30.0)
    recent.answered(replace(lacking, rung=Rung.COARSE), Criticality.INTERACTIVE, 0.1)
    recent.failed(Unavailable("gone"), Criticality.INTERACTIVE)
    recent.failed(asyncio.CancelledError(), Criticality.INTERACTIVE)
    seen = recent.recent()
    assert (seen.rungs, seen.partial, seen.errors) == ({Rung.FULL: 1, Rung.COARSE: 1}, 1, 1)
    assert seen.mean_coverage == (whole.coverage.share + lacking.coverage.share) / 2
    assert len(record.answers) == 2
    clock.advance(30.5)
    assert recent.recent().rungs == {Rung.COARSE: 1}
    clock.advance(60.0)
    assert (recent.recent().answers, recent.recent().errors) == (0, 0)
