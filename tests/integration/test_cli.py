"""The command against a gateway that obeys the contract: what people see, what programs get, and the exit status."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from services.cli.__main__ import main
from services.cli.exit_codes import ExitCode
from services.filters.conversion import predicate_from
from services.filters.predicate import AllOf, Equals, Not, Range
from tests.support.fake_gateway import SERVICE, FakeGateway, serving
from tests.support.shop import Shop


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
async def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
async def target(gateway: FakeGateway) -> AsyncIterator[str]:
    async with serving(gateway) as address:
        yield address


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo whose answer is whole."""
    return write(tmp_path, "whole")


def write(folder: Path, word: str) -> Path:
    path = folder / f"{word}.jpg"
    path.write_text(word)
    return path


async def aisle(*argv: object) -> int:
    return await asyncio.to_thread(main, [str(word) for word in argv])


async def test_search_shows_products_coverage_and_times(
    target: str, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table for people on stdout."""
    assert await aisle("search", photo, "--target", target) == ExitCode.OK
    shown = capsys.readouterr().out
    for word in ("whole.jpg", "whole", "shoes/1.jpg", "0.750", "coverage 100%", "total 20.0 ms"):
        assert word in shown


async def test_search_sends_what_was_asked_for(target: str, photo: Path, gateway: FakeGateway) -> None:
    """Every option is on the wire."""
    words = ["--top-k", 3, "--policy", "top_p", "--probability-mass", 0.5, "--category", "A", "--category", "B"]
    words += ["--region", "0,0.25,0.5,1", "--minimum-coverage", 0.25, "--timeout-seconds", 1]
    assert await aisle("search", photo, "--target", target, *words) == ExitCode.OK
    sent = gateway.calls[0]
    assert (sent.top_k, sent.routing.policy, sent.routing.probability_mass) == (3, 2, 0.5)
    assert (list(sent.routing.categories), sent.region.y_min, sent.minimum_coverage) == (["A", "B"], 0.25, 0.25)
    assert gateway.deadlines_seconds[0] == pytest.approx(1, abs=0.3)


async def test_search_filters_by_conditions(
    target: str, photo: Path, gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their values are of the attributes' types, which the gateway tells; what it does not have is status 2."""
    assert await aisle("search", photo, "--target", target, "--where", "price=10..", "--where", "price!=12") == 0
    expected = AllOf((Range("price", at_least=10), Not(Equals("price", 12))))
    assert predicate_from(gateway.calls[0].filter) == expected
    assert await aisle("search", photo, "--target", target, "--where", "colour=red") == ExitCode.UNUSABLE_INPUT
    assert "'colour'; there are price" in " ".join(capsys.readouterr().err.split())


async def test_search_writes_a_line_of_json_per_photo(
    target: str, tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers and errors alike, in the order of the photos; one bad photo among good ones is a partial success."""
    photos = [photo, write(tmp_path, "unreadable"), tmp_path / "missing.jpg"]
    assert await aisle("search", *photos, "--target", target, "--json") == ExitCode.PARTIAL
    first, second, third = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["result"]["hits"][0]["product_id"] == "whole"
    assert first["result"]["coverage"]["shards"][0]["state"] == "answered"
    assert second["error"].pop("request_id")
    assert second["error"] == {
        "code": "INVALID_ARGUMENT",
        "reason": "IMAGE_UNREADABLE",
        "message": "not a picture",
        "field": "image",
    }
    assert third["error"]["reason"] == "IMAGE_UNREADABLE"
    assert await aisle("search", photos[2], "--target", target) == ExitCode.UNUSABLE_INPUT
    shown = capsys.readouterr().err
    assert shown.count("missing.jpg") == 1
    assert "No such file" in shown


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("partial", ExitCode.PARTIAL),
        ("unreadable", ExitCode.UNUSABLE_INPUT),
        ("overloaded", ExitCode.UNAVAILABLE),
    ],
)
async def test_the_exit_status_tells_what_became_of_the_photo(
    target: str, tmp_path: Path, word: str, status: ExitCode
) -> None:
    """A program need not read the output."""
    assert await aisle("search", write(tmp_path, word), "--target", target) == status


async def test_nobody_there_is_status_3(photo: Path, unused_tcp_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """With one clear message and no stack trace, for `search` and `status` alike."""
    target = f"127.0.0.1:{unused_tcp_port}"
    assert await aisle("search", photo, "--target", target) == ExitCode.UNAVAILABLE
    shown = capsys.readouterr()
    assert f"UNAVAILABLE nobody serves at {target} (without TLS): start it, or name another with --target" in shown.err
    assert "Traceback" not in shown.err
    assert await aisle("search", photo, "--target", "localhost") == ExitCode.UNUSABLE_INPUT
    assert "--target 'localhost' is not host:port, such as localhost:50051" in capsys.readouterr().err
    assert await aisle("status", "--target", target) == ExitCode.UNAVAILABLE
    assert "unreachable" in capsys.readouterr().out


async def test_status_shows_what_can_be_searched(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For people and for programs."""
    assert await aisle("status", "--target", target) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "serving" in shown
    assert "c00042" in shown
    assert "price (float)" in shown
    assert await aisle("status", "--target", target, "--json") == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert (told["health"], len(told["catalog"]["categories"])) == ("serving", 2_345)


async def test_a_gateway_that_loads_is_not_available(gateway: FakeGateway) -> None:
    """Up, but NOT_SERVING: status 3."""
    async with serving(gateway, states=[(SERVICE, 2)]) as target:
        assert await aisle("status", "--target", target) == ExitCode.UNAVAILABLE


async def test_a_change_waits_until_it_can_be_seen(
    target: str, gateway: FakeGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how many seconds that took; a gateway that never gets there is named, after what was done."""
    shop = Shop.make(tmp_path, {"Bag": 4})
    await asyncio.to_thread(shop.build, range(4))
    words = ["--snapshot-root", shop.root, "--wait", target]
    late = await aisle("snapshot", "delete", "Bag-0", *words, "--wait-seconds", 0.1)
    assert late == ExitCode.UNAVAILABLE
    shown = capsys.readouterr()
    assert f"after 0 s the gateway at {target} still serves snapshot-1" in shown.err
    assert "-1 images" in shown.out

    published = shop.store.current_id()
    asyncio.get_running_loop().call_later(0.3, setattr, gateway, "snapshot_id", published)
    assert await aisle("snapshot", "delete", "Bag-0", "--ignore-unknown", *words, "--json") == ExitCode.OK
    told, seen = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (told["snapshot_id"], told["changed"]) == (published, False)
    assert (seen["snapshot_id"], seen["gateway"]) == (published, target)
    assert 0 < seen["seconds_until_served"] < 30
