"""What a caller can tell support: the id by which a gateway's log knows a request, with each answer and each error."""

from collections.abc import AsyncIterator

import pytest

from services.client import AisleClient
from services.common.errors import ImageUnreadable, InvalidArgument, Unavailable
from tests.support.fake_gateway import FakeGateway, photos, serving
from tests.support.triton import free_port


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
async def client(gateway: FakeGateway) -> AsyncIterator[AisleClient]:
    async with serving(gateway) as target, AisleClient(target) as opened:
        yield opened


async def test_the_answer_has_the_caller_s_id_or_a_new_one(client: AisleClient, gateway: FakeGateway) -> None:
    """The same that went along with the call, and with each of its attempts."""
    gateway.failures_left = 2
    own = await client.search(b"p", request_id="shop:4711/2")
    others = [await client.search(b"p") for _ in range(2)]
    assert own.request_id == "shop:4711/2"
    assert gateway.request_ids == ["shop:4711/2"] * 3 + [each.request_id for each in others]
    assert len({each.request_id for each in others}) == 2


async def test_an_error_s_text_has_it(client: AisleClient, gateway: FakeGateway) -> None:
    """So that what a program logs of it is enough."""
    with pytest.raises(ImageUnreadable, match=r"^not a picture \(request r-7\)$") as refused:
        await client.search(b"unreadable", request_id="r-7")
    assert (refused.value.request_id, refused.value.message) == ("r-7", "not a picture")
    with pytest.raises(ImageUnreadable) as refused:
        await client.search(b"unreadable")
    assert gateway.request_ids[-1] in str(refused.value)


async def test_one_that_no_gateway_heard_of_has_it_too() -> None:
    """The proxy on the way may have."""
    async with AisleClient(f"127.0.0.1:{free_port()}") as client:
        for call in (client.search(b"p", request_id="r-8"), client.catalog(), client.status()):
            with pytest.raises(Unavailable, match=r" \(request [0-9a-z-]+\)$"):
                await call


async def test_an_id_that_the_gateway_would_replace_is_refused(client: AisleClient, gateway: FakeGateway) -> None:
    """Nothing is sent: in the gateway's log it would have another one."""
    for unfit in ("", "two words", "x" * 129):
        with pytest.raises(InvalidArgument, match="request_id is 1 to 128 letters, digits"):
            await client.search(b"p", request_id=unfit)
    assert gateway.calls == []


async def test_photos_of_a_stream_have_their_own(client: AisleClient, gateway: FakeGateway) -> None:
    """In the result and in the error's text; what ended the stream has the stream's."""
    outcomes = {each.request_id: each async for each in client.search_many(photos("whole", "unreadable"))}
    assert outcomes["0-whole"].unwrap().request_id == "0-whole"
    assert str(outcomes["1-unreadable"].error) == "not a picture (request 1-unreadable)"
    gateway.failures_left = 99
    [lost] = [each async for each in client.search_many(photos("p"), timeout_seconds=60)]
    assert str(lost.error) == f"restarting (request {gateway.request_ids[-1]})"
