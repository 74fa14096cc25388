"""What targets stand for: addresses as they are, and names that DNS turns into the addresses of all replicas. Pure."""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_DNS: Final = ("dns:///", "dns:")
_AS_IT_IS: Final = ("ipv4:", "ipv6:", "unix:", "unix-abstract:", "vsock:")


MOST_ADDRESSES: Final = 256
"""Of one name: each costs a connection and its keepalive. Many more are a mistake in DNS, or somebody's."""


@dataclass(frozen=True, slots=True)
class Name:
    """What DNS is asked for: in a cluster the headless Service of a shard, whose pods are its replicas."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a look-up has changed.

    Attributes:
        joined: addresses that no target had before.
        left: addresses that no target has any more.
        renamed: addresses that another name stands for now than the one that they were known by.
        left_out: how many were found beyond `MOST_ADDRESSES`.
    """

    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()
    left_out: int = 0


def name_of(target: str) -> Name | None:
    """Return what has to be looked up for a target; None for one that needs no looking up.

    Raises:
        ValueError: it is neither an address nor `host:port`; the message says so.
    """
    if target.startswith(_AS_IT_IS):
        return None
    rest = next((target.removeprefix(scheme) for scheme in _DNS if target.startswith(scheme)), target)
    host, _, port = rest.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"{target!r} is not host:port")
    return None if _is_address(host) else Name(host, int(port))


def address_of(host: str, port: int) -> str:
    """Return the target of an IP address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def settled(before: tuple[str, ...], found: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Return a name's addresses after a look-up, sorted, and how many were left out.

    Args:
        before: those that it had.
        found: IP addresses with ports, as `address_of` writes them; none when DNS failed or knows none.

    No answer changes nothing: replicas do not end because DNS does, and one that did end answers no health check. Of a
    replica that has addresses of both kinds only the IPv4 one is taken: as two replicas it would be asked twice. Beyond
    `MOST_ADDRESSES`, those that it had are kept, and the first of the others are taken.
    """
    if not found:
        return before, 0
    of_version_4 = {address for address in found if not address.startswith("[")}
    preferred = sorted(of_version_4 or set(found), key=lambda each: (each not in before, each))
    return tuple(sorted(preferred[:MOST_ADDRESSES])), len(preferred[MOST_ADDRESSES:])


class Addresses:
    """The addresses that each target stands for now."""

    def __init__(self, targets: Iterable[str]) -> None:
        """Know those that need no looking up; names have none yet.

        Raises:
            ValueError: a target is none.
        """
        names = {target: name_of(target) for target in targets}
        self.names: Mapping[str, Name] = {target: name for target, name in names.items() if name is not None}
        self._of: dict[str, tuple[str, ...]] = {
            target: (target,) if name is None else () for target, name in names.items()
        }
        self._known_by = {target: target for target, name in names.items() if name is None}

    def of(self, target: str) -> tuple[str, ...]:
        """Return the addresses of one target."""
        return self._of[target]

    def of_all(self, targets: Iterable[str]) -> tuple[str, ...]:
        """Return the addresses of several targets, each once."""
        return tuple(dict.fromkeys(address for target in targets for address in self._of[target]))

    def authority_of(self, address: str) -> str | None:
        """Return the `host:port` by which an address was found: the name in its certificate; None for none."""
        name = self.names.get(self._known_by.get(address, ""))
        return None if name is None else f"{name.host}:{name.port}"

    @property
    def all(self) -> tuple[str, ...]:
        """All addresses, each once, in order."""
        return tuple(sorted(self._known_by))

    def learn(self, target: str, found: Sequence[str]) -> Change | None:
        """Take in what a look-up of a name found, and return what that has changed.

        None when the name stands for what it did before; an empty change when it does not, but other targets had what
        has joined it, or have what has left it. An address stays known by the name that it was found by first, for as
        long as that stands for it.
        """
        before = self._of[target]
        after, left_out = settled(before, found)
        if after == before:
            return None
        self._of[target] = after
        joined = tuple(address for address in after if address not in self._known_by)
        self._known_by.update(dict.fromkeys(joined, target))
        left, renamed = list[str](), list[str]()
        for address in before:
            if address in after or self._known_by[address] != target:
                continue
            heir = next((other for other, known in self._of.items() if address in known), None)
            if heir is None:
                del self._known_by[address]
                left.append(address)
            else:
                self._known_by[address] = heir
                renamed.append(address)
        return Change(joined, tuple(left), tuple(renamed), left_out)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
