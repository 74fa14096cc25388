"""A message may be large by its picture or its vectors only: what else it holds is counted before it is parsed."""

import time

import pytest
from aisle.filter.v1 import filter_pb2
from aisle.search.v1 import search_pb2
from aisle.shard.v1 import shard_pb2
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import InvalidArgument
from services.common.parsing import MAX_OTHER_BYTES, other_bytes, tolerant

PHOTO = bytes(20_000_000)
SEARCH, STREAM = "/aisle.search.v1.SearchService/Search", "/aisle.search.v1.SearchService/SearchStream"
SHARD = "/aisle.shard.v1.ShardService/Search"


def filter_of(values: int, text: str = "") -> filter_pb2.Filter:
    """Return a filter with so many values."""
    value = filter_pb2.Value(string_value=text) if text else filter_pb2.Value()
    return filter_pb2.Filter(one_of=filter_pb2.OneOf(attribute="colour", values=[value] * values))


def crowded() -> search_pb2.SearchRequest:
    """Return a request for one photo whose filter has many empty values."""
    return search_pb2.SearchRequest(image=b"photo", filter=filter_of(200_000))


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (SEARCH, search_pb2.SearchRequest(image=PHOTO, top_k=5, filter=filter_of(1_000, "red"))),
        (STREAM, search_pb2.SearchStreamRequest(request_id="a", request=search_pb2.SearchRequest(image=PHOTO))),
        (SHARD, shard_pb2.SearchRequest(shard="bag", query_vectors=PHOTO, rows=1_000, filter=filter_of(1_000))),
    ],
)
def test_what_callers_send_is_parsed(method: str, message: Message) -> None:
    """The largest photo and a batch of vectors, with a filter of a thousand values; also within a stream's message."""
    assert tolerant(method, type(message).FromString)(message.SerializeToString()) == message


@pytest.mark.parametrize(
    ("method", "data"),
    [
        (SEARCH, crowded().SerializeToString()),
        (STREAM, search_pb2.SearchStreamRequest(request=crowded()).SerializeToString()),
        (SHARD, shard_pb2.SearchRequest(filter=filter_of(200_000)).SerializeToString()),
        (SEARCH, b"\xfa\x07\x00" * 8_000_000),
        (SEARCH, b"\n\x00" * 12_000_000),
        (SEARCH, b"\xff" * 20_000_000),
        (SEARCH, b"\x80" * 20_000_000),
    ],
    ids=[
        "values without content",
        "the same in a stream",
        "and at a shard",
        "unknown fields",
        "photos without a byte",
        "a number without an end",
        "a zero without an end",
    ],
)
def test_what_would_keep_the_event_loop_is_refused(method: str, data: bytes) -> None:
    """By its bytes alone, of which few are looked at."""

    def parse(_: bytes) -> None:
        raise AssertionError("it is parsed")

    began = time.process_time()
    refused = tolerant(method, parse)(data)
    assert time.process_time() - began < 0.5
    assert isinstance(refused, InvalidArgument)
    assert f"{MAX_OTHER_BYTES:,} may be" in refused.message


def test_bytes_that_are_no_message_are_said_to_be_none() -> None:
    """Few of them and many."""
    for data in (b"\xff", b"\x0a\x05abc", search_pb2.SearchRequest(image=PHOTO).SerializeToString()[:-1]):
        refused = tolerant(SEARCH, search_pb2.SearchRequest.FromString)(data)
        assert isinstance(refused, InvalidArgument)
        assert "no message of this method" in refused.message


@given(
    image=st.binary(max_size=300),
    categories=st.lists(st.text(max_size=20), max_size=5),
    coverage=st.floats(0, 1),
    values=st.integers(0, 9),
)
def test_a_message_is_its_bytes_and_the_others(
    image: bytes, categories: list[str], coverage: float, values: int
) -> None:
    """Whatever it holds, the two make its size."""
    message = search_pb2.SearchRequest(
        image=image,
        top_k=300,
        routing=search_pb2.Routing(categories=categories),
        minimum_coverage=coverage,
        filter=filter_of(values),
    )
    stream = search_pb2.SearchStreamRequest(request_id="an id", request=message)
    for each in (message, stream):
        assert counted(each, data := each.SerializeToString()) == len(data) - len(image)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_counted(data: bytes) -> None:
    """Whatever they are, there are so many of them."""
    assert counted(search_pb2.SearchStreamRequest(), data) >= 0


def counted(message: Message, data: bytes) -> int:
    """Count the other bytes of what may be a message of this type."""
    return other_bytes(data, descriptor_pool.Default().FindMessageTypeByName(message.DESCRIPTOR.full_name))
