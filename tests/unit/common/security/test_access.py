"""The access file: who is known by what, what each may do, and bad files that are refused without showing a token."""

import json
from collections.abc import Mapping

import pytest
from aisle.operator.v1 import operator_pb2
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import SettingsInvalid
from services.common.security.access import Access, Right, right_for
from services.common.security.tokens import digest_of

OPERATOR = operator_pb2.DESCRIPTOR.services_by_name["OperatorService"]
SHOP = {"name": "shop", "tokens": [digest_of("old"), digest_of("new")], "rights": ["search"]}
GATEWAY = {"name": "gateway", "certificates": ["gateway.aisle.svc", "spiffe://shop/gateway"], "rights": ["search"]}


def access(*callers: Mapping[str, object]) -> Access:
    """Return the access that these callers have."""
    return Access.from_text(json.dumps({"callers": callers}).encode(), "access.yaml")


@pytest.mark.parametrize("token", ["old", "new"])
def test_several_tokens_stand_for_one_caller(token: str) -> None:
    """So that a new one is known before the old one goes."""
    found = access(SHOP, GATEWAY).with_token(token)
    assert found is not None
    assert (found.name, found.rights) == ("shop", (Right.SEARCH,))


@given(token=st.text())
def test_no_other_token_does(token: str) -> None:
    """Whatever it is, a digest or nothing at all."""
    known = {"old", "new"}
    assert (access(SHOP).with_token(token) is not None) == (token in known)
    assert access(SHOP).with_token(digest_of("old")) is None


def test_a_thousand_callers_are_told_apart() -> None:
    """Each by its own, and without a look at each of the others."""
    many = access(
        *({"name": f"c{n}", "tokens": [digest_of(f"t{n}")], "rights": ["search"]} for n in range(500)),
        *({"name": f"d{n}", "certificates": [f"n{n}"], "rights": ["search"]} for n in range(500)),
    )
    told = [many.with_token(f"t{n}") for n in range(500)] + [many.with_certificate([f"n{n}"]) for n in range(500)]
    assert told == list(many.callers)
    assert many.with_token("t500") is many.with_certificate(["n500"]) is None
    assert max(map(len, many.by_digest_start.values())) <= 2


def test_digests_that_begin_alike_are_told_apart() -> None:
    """How a digest begins says which are compared, and not whose it is."""
    digest = digest_of("right")
    alike = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    both = access({"name": "another", "tokens": [alike], "rights": ["search"]}, {**SHOP, "tokens": [digest]})
    found = both.with_token("right")
    assert found is not None
    assert found.name == "shop"


def test_any_name_of_a_certificate_will_do() -> None:
    """One that is listed, among others; letters count as they are."""
    both = access(SHOP, GATEWAY)
    found = both.with_certificate(["10.0.0.1", "spiffe://shop/gateway"])
    assert found is not None
    assert found.name == "gateway"
    assert both.with_certificate(["gateway"]) is both.with_certificate([]) is None


@pytest.mark.parametrize(
    ("method", "right"),
    [
        ("/aisle.search.v1.SearchService/Search", Right.SEARCH),
        ("/aisle.search.v1.SearchService/SearchStream", Right.SEARCH),
        ("/aisle.shard.v1.ShardService/Describe", Right.SEARCH),
        ("/aisle.search.v1.SearchServiceX/Search", Right.OPERATE),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Right.OPERATE),
        ("/aisle.admin.v1.Whatever/New", Right.OPERATE),
        *((f"/{OPERATOR.full_name}/{method.name}", Right.OPERATE) for method in OPERATOR.methods),
    ],
)
def test_what_is_not_known_to_be_a_search_asks_for_more(method: str, right: Right) -> None:
    """A method that somebody adds is not open to every caller by that."""
    assert right_for(method) is right


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("callers: [", r"access\.yaml, line 2: not YAML"),
        ("callers: [{name: 2024-99-99}]", r"callers\.0\.rights: Field required"),
        ("callers: [{name: a, rights: [search], rights: [operate]}]", r"line 1: the key 'rights' is there twice"),
        (
            "callers: [{name: unknown, certificates: [a], rights: [search]}]",
            "'unknown' is what metrics call those without",
        ),
        ("- shop", r"access\.yaml: .*dictionary"),
        ("{}", r"access\.yaml: callers: Field required"),
        ("callers: []", r"callers: .*at least 1"),
        ("callers: [{name: shop, token: x, rights: [search]}]", r"callers\.0\.token: Extra inputs"),
        ("callers: [{name: shop, certificates: [a], rights: []}]", r"callers\.0\.rights: .*at least 1"),
        ("callers: [{name: shop, certificates: [a], rights: [everything]}]", r"callers\.0\.rights\.0: .*'search'"),
        ("callers: [{name: a shop, certificates: [a], rights: [search]}]", r"callers\.0\.name"),
        ("callers: [{name: shop, rights: [search]}]", "caller shop has neither certificates nor tokens"),
        ("callers: [{name: shop, certificates: [a], rights: [search], burst: 5}]", "no calls_per_second"),
        (
            "callers: [{name: shop, certificates: [a], rights: [search], calls_per_second: 0}]",
            "greater than or equal to 0.001",
        ),
        (
            "callers: [{name: a, certificates: [x], rights: [search]}, {name: a, certificates: [y], rights: [search]}]",
            "name a is there twice",
        ),
        (
            "callers: [{name: a, certificates: [x], rights: [search]}, {name: b, certificates: [x], rights: [search]}]",
            "certificate x is there twice",
        ),
    ],
)
def test_a_file_that_can_t_be_right_is_refused(text: str, says: str) -> None:
    """With its name and the place."""
    with pytest.raises(SettingsInvalid, match=says):
        Access.from_text(text.encode(), "access.yaml")


def test_a_token_in_the_place_of_a_digest_is_not_repeated() -> None:
    """The message goes to a log, and a token that was written here by mistake is still a secret."""
    with pytest.raises(SettingsInvalid, match=r"callers\.0\.tokens\.0: the digest of a token") as refused:
        access({**SHOP, "tokens": ["hunter2"]})
    assert "hunter2" not in refused.value.message


@pytest.mark.parametrize(
    ("limits", "at_once"),
    [({"calls_per_second": 20}, 20), ({"calls_per_second": 0.1}, 1), ({"calls_per_second": 20, "burst": 3}, 3)],
)
def test_the_burst_is_a_second_s_calls_unless_it_is_said(limits: dict[str, float], at_once: int) -> None:
    """And one at least, else nothing would ever come in."""
    assert access({**SHOP, **limits}).callers[0].most_at_once == at_once


def test_the_digest_of_nothing_opens_nothing() -> None:
    """Made of an empty file by mistake it would let in whoever sends `Bearer` and no more."""
    with pytest.raises(SettingsInvalid, match=r"callers\.0\.tokens\.0: this is the digest of nothing at all"):
        access({**SHOP, "tokens": [digest_of("")]})


def test_more_callers_than_anybody_has_are_refused() -> None:
    """Each has figures of its own, in each process."""
    callers = [{"name": f"c{n}", "certificates": [f"n{n}"], "rights": ["search"]} for n in range(10_001)]
    assert len(access(*callers[1:]).callers) == 10_000
    with pytest.raises(SettingsInvalid, match=r"callers: .*at most 10000"):
        access(*callers)
