"""What can't be a gateway's address, and which of gRPC's words are about a connection."""

import pytest

from services.common.errors import InvalidArgument
from services.common.gateway_addresses import checked_target, unreached


@pytest.mark.parametrize(
    "target",
    ["localhost:50051", "[::1]:50051", "dns:///gateway.aisle.svc:50051", "ipv4:10.0.0.1:1,10.0.0.2:1", "unix:/run/a"],
)
def test_what_has_a_port_or_needs_none_is_taken(target: str) -> None:
    """As it is."""
    assert checked_target(target) == target


@pytest.mark.parametrize("target", ["localhost", "dns:///gateway", "gateway:", ":50051", "gateway:0", "::1", "g:http"])
def test_a_target_without_a_port_is_refused(target: str) -> None:
    """GRPC would go to port 443 of it."""
    with pytest.raises(InvalidArgument, match="is not host:port, such as"):
        checked_target(target)


def test_words_of_somebody_who_was_reached_are_left_alone() -> None:
    """A gateway's own, and those of a connection that was lost in the middle of a call."""
    for words in ("the client is closed", "Socket closed", "loading", "recvmsg:Connection reset by peer"):
        assert unreached(words, "gateway:50051", is_secure=False) is None
