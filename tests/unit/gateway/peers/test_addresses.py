"""What targets stand for: addresses as they are, names as DNS has them, and what a look-up changes."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.peers.addresses import MOST_ADDRESSES, Addresses, Change, Name, address_of, name_of, settled

_LOOK_UPS = st.lists(
    st.tuples(st.sampled_from(("a:1", "b:1")), st.lists(st.sampled_from(("10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1")))),
    max_size=12,
)


@pytest.mark.parametrize(
    "target", ["127.0.0.1:50051", "[::1]:50051", "ipv4:10.0.0.1:1,10.0.0.2:1", "unix:/run/triton.sock"]
)
def test_an_address_needs_no_looking_up(target: str) -> None:
    """gRPC takes it as it is."""
    assert name_of(target) is None


@pytest.mark.parametrize(
    "target", ["shoes.aisle.svc:50051", "dns:///shoes.aisle.svc:50051", "dns:shoes.aisle.svc:50051"]
)
def test_a_name_is_looked_up(target: str) -> None:
    """With gRPC's scheme or without."""
    assert name_of(target) == Name("shoes.aisle.svc", 50051)


@pytest.mark.parametrize("target", ["shoes", "shoes:", ":50051", "shoes:http", "shoes:0", "shoes:65536", "shoes:²"])
def test_a_name_has_a_port(target: str) -> None:
    """Without one, gRPC would silently take 443."""
    with pytest.raises(ValueError, match="is not host:port"):
        name_of(target)


def test_an_address_is_written_as_grpc_reads_it() -> None:
    """A version 6 address has brackets, and needs no looking up again."""
    assert (address_of("10.0.0.1", 1), address_of("fd00::1", 1)) == ("10.0.0.1:1", "[fd00::1]:1")
    assert name_of(address_of("fd00::1", 1)) is None


def test_no_answer_changes_nothing() -> None:
    """Replicas do not end because DNS does."""
    assert settled(("10.0.0.1:1",), []) == (("10.0.0.1:1",), 0)


def test_a_replica_of_both_kinds_of_address_is_one() -> None:
    """Its version 4 address; where there are only the others, they are taken."""
    assert settled((), ["[fd00::1]:1", "10.0.0.1:1"]) == (("10.0.0.1:1",), 0)
    assert settled((), ["[fd00::2]:1", "[fd00::1]:1"]) == (("[fd00::1]:1", "[fd00::2]:1"), 0)


@given(look_ups=_LOOK_UPS)
def test_changes_add_up_to_what_was_found_last(look_ups: Sequence[tuple[str, list[str]]]) -> None:
    """Whoever applies each change to a list of addresses has exactly those of the last answers; none comes twice."""
    addresses = Addresses(["a:1", "b:1", "10.0.0.3:1"])
    followed = list(addresses.all)
    last: dict[str, list[str]] = {"a:1": [], "b:1": []}
    for target, found in look_ups:
        change = addresses.learn(target, found) or Change()
        assert set(change.left) <= set(followed)
        assert not set(change.joined) & set(followed)
        followed = [address for address in followed if address not in change.left] + list(change.joined)
        last[target] = found or last[target]
    assert sorted(followed) == sorted({"10.0.0.3:1", *last["a:1"], *last["b:1"]}) == list(addresses.all)
    assert addresses.of_all(["a:1"]) == addresses.of("a:1") == tuple(sorted(set(last["a:1"])))


def test_one_address_of_two_names_leaves_with_the_second() -> None:
    """A searcher of two small shards has one channel, for as long as either name has it."""
    addresses = Addresses(["a:1", "b:1"])
    assert addresses.learn("a:1", ["10.0.0.1:1"]) == Change(joined=("10.0.0.1:1",))
    assert addresses.learn("b:1", ["10.0.0.1:1"]) == Change()
    assert addresses.learn("b:1", ["10.0.0.1:1"]) is None
    assert addresses.learn("a:1", ["10.0.0.2:1"]) == Change(joined=("10.0.0.2:1",), renamed=("10.0.0.1:1",))
    assert addresses.learn("b:1", ["10.0.0.2:1"]) == Change(left=("10.0.0.1:1",))


def test_an_address_is_known_by_the_name_that_it_was_found_by() -> None:
    """Its certificate has that name; an address that was given as one is known by itself."""
    addresses = Addresses(["dns:///shoes.aisle.svc:1", "10.0.0.9:1", "bags:1"])
    addresses.learn("dns:///shoes.aisle.svc:1", ["10.0.0.1:1"])
    assert addresses.authority_of("10.0.0.1:1") == "shoes.aisle.svc:1"
    assert addresses.authority_of("10.0.0.9:1") is None
    addresses.learn("bags:1", ["10.0.0.1:1", "10.0.0.9:1"])
    assert addresses.authority_of("10.0.0.1:1") == "shoes.aisle.svc:1", "it still stands for it"
    assert addresses.authority_of("10.0.0.9:1") is None
    addresses.learn("dns:///shoes.aisle.svc:1", ["10.0.0.2:1"])
    assert addresses.authority_of("10.0.0.1:1") == "bags:1"


def test_a_name_stands_for_so_many_addresses_at_most() -> None:
    """An answer of thousands would take the gateway's descriptors and its time; replicas that serve are kept."""
    many = [address_of(f"10.0.{number // 250}.{1 + number % 250}", 1) for number in range(2_000)]
    before = (many[-1],)
    after, left_out = settled(before, many)
    assert (len(after), left_out) == (MOST_ADDRESSES, 2_000 - MOST_ADDRESSES)
    assert many[-1] in after
    assert settled(after, many[::-1]) == (after, left_out)


def test_the_second_address_of_a_replica_is_none_that_is_left_out() -> None:
    """Pods that have one of each kind are found twice, and are few enough."""
    both = [address_of(f"{host}{number}", 1) for number in range(1, 151) for host in ("10.0.0.", "fd00::")]
    change = Addresses(["a:1"]).learn("a:1", both)
    assert change is not None
    assert (len(change.joined), change.left_out) == (150, 0)
