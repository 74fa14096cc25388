"""Shows a gateway wrong proofs of who calls, or none, and counts what it lets through and what it counts itself."""

import asyncio
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from services.benchmarks.security.authority import Authority, Identity
from services.benchmarks.starting import started
from services.cli.supervising.machine import free_ports
from services.cli.supervising.processes import Kind, ProcessSpec
from services.cli.supervising.specs import gateway_spec
from services.client import AisleClient
from services.common.errors import AisleError
from services.common.security.credentials import Credentials
from services.common.security.tokens import digest_of, new_token
from services.gateway.peers.topology import Topology
from services.models.child_processes import tied_to_parent
from services.snapshot.store import SnapshotStore

_CALLS: Final = 5
_REFUSED: Final = ("UNAUTHENTICATED", "PERMISSION_DENIED")
_AT_THE_DOOR: Final = ("expired certificate", "foreign certificate", "no certificate")
"""A handshake that fails has no call, and so no status of the gateway's: callers hear UNAVAILABLE."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """What came of it.

    Attributes:
        codes: by what was wrong, the status codes that callers heard, and how often.
        counted: calls that the gateway says it refused.
        handshakes: TLS handshakes that it counted while certificates were wrong.
        right: the code of a caller that shows what it should: anything but OK would mean that nothing was measured.
    """

    codes: Mapping[str, Mapping[str, int]]
    counted: int
    handshakes: int
    right: str

    @property
    def let_through(self) -> int:
        """Calls that were answered and should not have been."""
        return sum(codes.get("OK", 0) for codes in self.codes.values())

    @property
    def otherwise(self) -> int:
        """Calls that were refused with another code than they should."""
        wrong = 0
        for what, codes in self.codes.items():
            expected = ("UNAVAILABLE",) if what in _AT_THE_DOOR else _REFUSED
            wrong += sum(count for code, count in codes.items() if code not in expected)
        return wrong

    @property
    def uncounted(self) -> int:
        """Refused calls, and handshakes, that the gateway did not count."""
        calls = sum(sum(codes.values()) for what, codes in self.codes.items() if what not in _AT_THE_DOOR)
        no_handshake = sum(1 for what in _AT_THE_DOOR if what in self.codes) if self.handshakes == 0 else 0
        return max(0, calls - self.counted) + no_handshake


async def measure_refusals(folder: Path, models: Path, snapshot_root: str) -> Refusals:
    """Start a gateway with TLS and an access file before stubs, and call it.

    Args:
        folder: for certificates, tokens and logs; made when it is missing.
        models: the model repository whose configurations are told.
        snapshot_root: its current snapshot is told of.

    Raises:
        Internal: a process did not start.
        SnapshotNotFound: nothing was published there.
    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - one local folder, before anything is measured
    authority, tokens = Authority(), {name: new_token() for name in ("searcher", "wrong")}
    ca = authority.write(folder / "ca.pem")
    known, stranger = authority.issue(folder, "known"), authority.issue(folder, "stranger")
    foreign = Authority().issue(_made(folder / "foreign"), "known")
    expired = authority.issue(_made(folder / "expired"), "known", not_after=datetime.now(UTC) - timedelta(days=1))
    for name, token in tokens.items():
        (folder / f"{name}.token").write_text(token + "\n", encoding="utf-8")
    access = folder / "access.yaml"
    access.write_text(
        "callers:\n"
        f"- {{name: shop, tokens: ['{digest_of(tokens['searcher'])}'], rights: [search]}}\n"
        "- {name: known, certificates: [known], rights: [search, operate]}\n",
        encoding="utf-8",
    )

    def shown(identity: Identity | None, token: str = "") -> Credentials:
        return Credentials(
            tls_ca=ca,
            tls_certificate=None if identity is None else identity.certificate,
            tls_key=None if identity is None else identity.key,
            token_file=folder / f"{token}.token" if token else None,
        )

    wrong = {
        "no token": shown(stranger),
        "wrong token": shown(stranger, "wrong"),
        "right token, without the right": shown(stranger, "searcher"),
        "expired certificate": shown(expired),
        "foreign certificate": shown(foreign),
        "no certificate": shown(None),
    }
    server = authority.issue(folder, "gateway")
    options = {"tls-certificate": server.certificate, "tls-key": server.key, "tls-client-ca": ca, "access-file": access}
    async with _gateway(folder, models, snapshot_root, options) as (address, metrics):
        codes = {what: await _codes(address, credentials) for what, credentials in wrong.items()}
        counted, handshakes = await asyncio.to_thread(_counted, metrics)
        right = await _codes(address, shown(known), calls=1)
    return Refusals(codes, counted, handshakes, next(iter(right)))


@asynccontextmanager
async def _gateway(
    folder: Path, models: Path, snapshot_root: str, options: Mapping[str, Path]
) -> AsyncIterator[tuple[str, str]]:
    """Run a gateway before stubs that speak no TLS; yield its address and its metrics' URL."""
    manifest = await asyncio.to_thread(SnapshotStore(snapshot_root).manifest)
    stub_port, port, metrics_port = free_ports(3)
    argv = (
        *(sys.executable, "-m", "services.benchmarks.speed.stub", "--port", str(stub_port), "--models", str(models)),
        *("--snapshot-root", snapshot_root, "--snapshot-id", manifest.snapshot_id),
    )
    stub = ProcessSpec("stub", Kind.TRITON, tied_to_parent(argv), f"127.0.0.1:{stub_port}")
    topology = folder / "topology.json"
    shards = {shard.slug: (stub.address,) for shard in manifest.shards}
    topology.write_text(Topology(shards=shards).model_dump_json(), encoding="utf-8")
    spec = gateway_spec(snapshot_root, manifest.snapshot_id, topology, stub.address, port)
    words = [word for name, file in options.items() for word in (f"--{name}", str(file))]
    secured = ProcessSpec(spec.name, spec.kind, (*spec.argv, *words, "--metrics-port", str(metrics_port)), spec.address)
    async with started(stub, folder), started(secured, folder):
        yield spec.address, f"http://127.0.0.1:{metrics_port}/metrics"


async def _codes(address: str, credentials: Credentials, calls: int = _CALLS) -> Mapping[str, int]:
    """Ask for the status, which takes the right to operate, so often; return how often each code came of it."""
    codes: dict[str, int] = {}
    async with AisleClient(address, credentials) as client:
        for _ in range(calls):
            try:
                await client.status(timeout_seconds=2.0)
                code = "OK"
            except AisleError as refused:
                code = refused.code
            codes[code] = codes.get(code, 0) + 1
    return codes


def _counted(url: str) -> tuple[int, int]:
    """Return how many calls a gateway says it refused, and how many handshakes it has seen."""
    with urllib.request.urlopen(url, timeout=5) as page:  # noqa: S310 - a gateway of ours
        lines = page.read().decode().splitlines()
    refused = [line for line in lines if line.startswith("aisle_gateway_callers_total{") and '"admitted"' not in line]
    handshakes = [line for line in lines if line.startswith("aisle_gateway_tls_handshakes_total ")]
    return (
        sum(int(float(line.rpartition(" ")[2])) for line in refused),
        sum(int(float(line.rpartition(" ")[2])) for line in handshakes),
    )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
