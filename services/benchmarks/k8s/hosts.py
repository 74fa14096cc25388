"""Network namespaces as hosts: each has an address of its own on one bridge, and can be cut off or slowed.

Needs root, or the capabilities to administer networks and to mount, and Debian's `iproute2`.
"""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from services.common.errors import FailedPrecondition

DOMAIN: Final = "aisle.test"
"""What hosts add to short names, as a pod adds its namespace's."""
_RESOLVERS: Final = Path("/etc/netns")
"""Where `ip netns exec` finds what replaces /etc of a namespace."""
_SLOW: Final = ("tbf", "rate", "16kbit", "burst", "1600", "latency", "5s")
"""A line of 2 kB a second: an answer of the searchers' size takes half a second and more."""


def refusal() -> str:
    """Return why there can be no hosts here; empty when there can."""
    if shutil.which("ip") is None:
        return "there is no `ip` here: install iproute2"
    name = f"aisle-{os.getpid()}-try"
    try:
        _ip("netns", "add", name)
    except FailedPrecondition as refused:
        return f"{refused.message}: run it as root, or with CAP_NET_ADMIN and CAP_SYS_ADMIN"
    _ip("netns", "del", name)
    return ""


class Host:
    """One namespace.

    Attributes:
        name: as DNS would know it.
        address: its IPv4 address.
    """

    def __init__(self, name: str, address: str, namespace: str, link: str) -> None:
        """Note what `Network.host` has made.

        Args:
            name: for people.
            address: its IPv4 address.
            namespace: what the kernel knows it by.
            link: the bridge's end of its cable.
        """
        self.name = name
        self.address = address
        self._namespace = namespace
        self._link = link

    def command(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return how to run something on it."""
        return ("ip", "netns", "exec", self._namespace, *argv)

    def cut_off(self) -> None:
        """Pull the cable: what is sent is lost, and nobody is told."""
        _ip("link", "set", self._link, "down")

    def reconnect(self) -> None:
        """Put it in again."""
        _ip("link", "set", self._link, "up")

    def slow_down(self) -> None:
        """Make what it sends slow."""
        _run("tc", "-n", self._namespace, "qdisc", "add", "dev", "eth0", "root", *_SLOW)

    def speed_up(self) -> None:
        """Undo `slow_down`."""
        _run("tc", "-n", self._namespace, "qdisc", "del", "dev", "eth0", "root")


class Network:
    """A bridge with hosts; `address` is this machine's own on it, where the hosts find their DNS."""

    def __init__(self) -> None:
        """Choose names and addresses that no other process's network has."""
        pid = os.getpid()
        self._prefix = f"aisle-{pid}"
        self._bridge = f"ai{pid}"
        self._subnet = f"10.{128 + pid % 64}.{pid // 64 % 256}"
        self._numbers = itertools.count(2)
        self._namespaces: list[str] = []
        self._links: list[str] = []
        self.address = f"{self._subnet}.1"

    def host(self, name: str) -> Host:
        """Add a host.

        Args:
            name: for people, and of its namespace.
        """
        number = next(self._numbers)
        namespace, link, address = f"{self._prefix}-{name}", f"{self._bridge}v{number}", f"{self._subnet}.{number}"
        resolver = _RESOLVERS / namespace / "resolv.conf"
        resolver.parent.mkdir(parents=True)
        resolver.write_text(
            f"nameserver {self.address}\nsearch {DOMAIN}\noptions ndots:5 timeout:1\n", encoding="utf-8"
        )
        _ip("netns", "add", namespace)
        self._namespaces.append(namespace)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        self._links.append(link)
        _ip("link", "set", link, "master", self._bridge, "up")
        _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", namespace, "link", "set", device, "up")
        return Host(name, address, namespace, link)

    def begin(self) -> None:
        """Make the bridge."""
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("address", "add", f"{self.address}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")

    def end(self) -> None:
        """Remove everything; what runs on the hosts must have ended."""
        for link in self._links:  # with its namespace it would only go some time later, and keep its name till then
            _ip("link", "del", link)
        for namespace in self._namespaces:
            _ip("netns", "del", namespace)
            shutil.rmtree(_RESOLVERS / namespace)
        _ip("link", "del", self._bridge)


@contextmanager
def network() -> Iterator[Network]:
    """Make a network for the time of the context.

    Raises:
        FailedPrecondition: it can't be made; the message says why.
    """
    made = Network()
    made.begin()
    try:
        yield made
    finally:
        made.end()


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 - words of our own
    if done.returncode != 0:
        raise FailedPrecondition(f"`{' '.join(argv)}` was refused: {done.stderr.strip() or done.returncode}")
