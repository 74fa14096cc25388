"""The servicer counts what it refuses before it becomes a query."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aisle.search.v1 import search_pb2 as pb

from services.common.criticality import Criticality
from services.common.errors import AisleError, InvalidArgument
from services.gateway.answering.search import PhotoSearch
from services.gateway.servicer import SearchServicer

CONTEXT = cast("Any", SimpleNamespace(time_remaining=lambda: 1.0))


class FakeSearch:
    """Notes what was refused; nothing gets as far as an answer."""

    def __init__(self) -> None:
        self.heard: list[tuple[str | None, Criticality]] = []

    def refused(self, error: AisleError, criticality: Criticality) -> None:
        """Note it."""
        self.heard.append((error.field, criticality))


@pytest.mark.parametrize(
    ("request_", "heard"),
    [
        (pb.SearchRequest(top_k=0, criticality=pb.CRITICALITY_BATCH), ("top_k", Criticality.BATCH)),
        (pb.SearchRequest(criticality=cast("Any", 99)), ("criticality", Criticality.INTERACTIVE)),
    ],
)
async def test_a_request_that_can_t_be_is_counted(request_: pb.SearchRequest, heard: tuple[str, Criticality]) -> None:
    """As every photo is, by who waits; one of a stream, too."""
    servicer, search = SearchServicer(), FakeSearch()
    servicer.serve(cast("PhotoSearch", search))
    with pytest.raises(InvalidArgument):
        await servicer.Search(request_, CONTEXT)
    answer = await servicer._answer_one_of_many(pb.SearchStreamRequest(request_id="p-1", request=request_), CONTEXT)
    assert answer.error.field == heard[0]
    assert search.heard == [heard, heard]


async def test_a_photo_of_a_stream_without_an_id_is_counted() -> None:
    """Its answer could be told from no other."""
    servicer, search = SearchServicer(), FakeSearch()
    servicer.serve(cast("PhotoSearch", search))
    answer = await servicer._answer_one_of_many(pb.SearchStreamRequest(request=pb.SearchRequest()), CONTEXT)
    assert answer.error.field == "request_id"
    assert search.heard == [("request_id", Criticality.INTERACTIVE)]
