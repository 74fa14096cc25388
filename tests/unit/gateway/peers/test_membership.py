"""Peers follow what names stand for, also where two names stand for the same process."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

import grpc

from services.common.channels import ChannelOptions
from services.common.security.dialling import Dialler
from services.gateway.peers.addresses import Name
from services.gateway.peers.membership import SearcherPeers, TritonPeers
from services.gateway.peers.model_fit import ModelPair
from services.gateway.peers.name_watch import WatchRules
from services.gateway.replicas.choosing import Standing
from tests.support.fake_tritons import PAIR, joined
from tests.support.virtual_time import run_virtually

RULES = WatchRules(period_seconds=5.0, missing_seconds=1.0)


class FakeChannel:
    """Is connected, and does nothing."""

    def __init__(self, authority: object) -> None:
        self.authority = authority
        self.is_closed = False

    def unary_unary(self, *_: object, **__: object) -> Any:
        """Return a method that answers at once."""

        async def call(*_: object, **__: object) -> Any:
            return None

        return call

    unary_stream = stream_unary = stream_stream = unary_unary

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: ARG002, FBT001, FBT002
        """Be ready."""
        return grpc.ChannelConnectivity.READY

    async def wait_for_state_change(self, _: grpc.ChannelConnectivity) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()

    async def close(self, _grace: float | None) -> None:
        """Note it."""
        self.is_closed = True


class FakeDialler:
    """Opens such channels, and keeps them."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, FakeChannel]] = []

    def open(self, target: str, options: ChannelOptions) -> FakeChannel:
        """Open one."""
        channel = FakeChannel(dict(options).get("grpc.default_authority"))
        self.opened.append((target, channel))
        return channel

    @property
    def authorities(self) -> list[tuple[str, object]]:
        """To what, and by which name, channels were opened."""
        return [(target, channel.authority) for target, channel in self.opened]


class FakeNames:
    """Knows what it is told."""

    def __init__(self, hosts: Mapping[str, Sequence[str]]) -> None:
        self.hosts = dict(hosts)

    async def addresses(self, name: Name) -> Sequence[str]:
        """Return them."""
        return [f"{host}:{name.port}" for host in self.hosts[name.host]]


def test_two_shards_whose_names_share_a_searcher_both_have_it() -> None:
    """One searcher that serves two small shards has two Services, and one channel."""
    dialler, names = FakeDialler(), FakeNames({"svc-a": ["10.0.0.1"], "svc-b": ["10.0.0.1"]})

    async def play() -> dict[str, Sequence[str]]:
        peers = SearcherPeers({"a": ["svc-a:1"], "b": ["svc-b:1"]}, names, RULES, cast("Dialler", dialler))
        await peers.look()
        found = dict(peers.map)
        await peers.close()
        return found

    assert run_virtually(play()) == {"a": ("10.0.0.1:1",), "b": ("10.0.0.1:1",)}
    assert len(dialler.opened) == 1


def test_an_address_that_moves_to_another_shard_is_asked_by_the_new_name() -> None:
    """The process at it has another certificate now; the channel of the name before is closed once its calls ended.

    One by which nobody has called is closed at once: a name with another answer each time would pile them up.
    """
    dialler, names = FakeDialler(), FakeNames({"svc-a": ["10.0.0.1"], "svc-b": ["10.0.0.2"]})

    async def play() -> None:
        peers = SearcherPeers({"a": ["svc-a:1"], "b": ["svc-b:1"]}, names, RULES, cast("Dialler", dialler))
        await peers.look()
        peers.channels.stub("10.0.0.1:1")
        names.hosts.update({"svc-b": ["10.0.0.1"]})
        await asyncio.sleep(6.0)
        names.hosts.update({"svc-a": ["10.0.0.2"]})
        await asyncio.sleep(6.0)
        assert dict(peers.map) == {"a": ("10.0.0.2:1",), "b": ("10.0.0.1:1",)}
        assert {target: channel.is_closed for target, channel in dialler.opened[:2]} == {
            "10.0.0.1:1": False,
            "10.0.0.2:1": True,
        }
        await asyncio.sleep(60.0)
        assert [channel.is_closed for _, channel in dialler.opened] == [True, True, False, False]
        await peers.close()

    run_virtually(play())
    first, moved = [("10.0.0.1:1", "svc-a:1"), ("10.0.0.2:1", "svc-b:1")], [("10.0.0.1:1", "svc-b:1")]
    assert sorted(dialler.authorities[:2]) == first
    assert sorted(dialler.authorities[2:]) == sorted([*moved, ("10.0.0.2:1", "svc-a:1")])


def test_a_triton_that_moves_to_another_name_is_asked_by_it_and_looked_at_again() -> None:
    """It may be another one, with other models."""
    dialler, names = FakeDialler(), FakeNames({"a": ["10.0.0.1"], "b": ["10.0.0.2"]})

    async def play() -> tuple[int, int]:
        peers = TritonPeers(["a:1", "b:1"], names, RULES, cast("Dialler", dialler))
        await peers.look()
        models = peers.begin_with(PAIR)
        before = models.connection("10.0.0.1:1")
        names.hosts.update({"b": ["10.0.0.1", "10.0.0.2"]})
        await asyncio.sleep(6.0)
        names.hosts.update({"a": ["10.0.0.3"]})
        await asyncio.sleep(6.0)
        after = models.connection("10.0.0.1:1")
        await peers.close()
        return before, after

    before, after = run_virtually(play())
    assert before != after
    assert sorted(dialler.authorities[2:]) == [("10.0.0.1:1", "b:1"), ("10.0.0.3:1", "a:1")]


def test_a_triton_is_passed_over_for_either_model_unless_it_has_one_for_both() -> None:
    """Nobody asks for its classifier then, so nobody would find out that it is back."""

    async def play(models: ModelPair) -> list[Standing]:
        peers = TritonPeers(["10.0.0.1:1"], FakeNames({}), RULES, cast("Dialler", FakeDialler()))
        peers.begin_with(models)
        standings = [state.standing for state in peers.states()]
        replica = peers.classifying.choose(["10.0.0.1:1"])
        assert replica is not None
        for _ in range(3):
            peers.classifying.lost(replica)
        standings += [state.standing for state in peers.states()]
        await peers.close()
        return standings

    assert run_virtually(play(PAIR)) == [Standing.READY, Standing.PASSED_OVER]
    assert run_virtually(play(joined())) == [Standing.READY, Standing.READY]
