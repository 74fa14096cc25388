"""A system with two of everything: Tritons, gateways, and searchers of each shard, each behind a proxy if wanted."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.cli.supervising.machine import free_ports
from services.models.repository import read_repository
from services.snapshot.manifest import BASELINE_SLUG, EmbedderEntry
from tests.support import tiny_models
from tests.support.cluster import publish, write_topology
from tests.support.faults.members import Member
from tests.support.snapshots import PublishedSnapshot, publish_snapshot
from tests.support.triton import ROOT

DEMO_MODELS = ROOT / "model_repository"
GROUPS = {"north": ("bag", "coat"), "south": ("dress", "hat", "shirt", BASELINE_SLUG)}
"""Which shards share a pair of searchers."""


@dataclass(frozen=True)
class System:
    """What runs.

    Attributes:
        snapshot: what is served.
        target: both gateways, as a client takes them.
        members: every process by its name: `triton-0`, `searcher-north-0`, `proxy-north-0`, `gateway-0` and so on.
    """

    snapshot: PublishedSnapshot
    target: str
    members: dict[str, Member]

    def named(self, prefix: str) -> list[Member]:
        """Return the processes whose names begin so."""
        return [member for name, member in self.members.items() if name.startswith(prefix)]


def publish_demo(root: Path) -> PublishedSnapshot:
    """Publish a gallery of random vectors in the categories and the space of the demo's models."""
    models = {model.info.name: model.info for model in read_repository(DEMO_MODELS)}
    embedder = models["embedder"]
    return publish_snapshot(
        root,
        dict.fromkeys(models["classifier"].labels, 200),
        dimension=embedder.output_size,
        embedder=EmbedderEntry(
            name="embedder",
            version=embedder.version,
            sha256=embedder.sha256,
            preprocessing=embedder.preprocessing,
        ),
    )


@asynccontextmanager
async def running(
    folder: Path,
    *,
    proxied: bool = False,
    gateways: int = 2,
    tritons: int = 2,
    demo: bool = False,
    options: Sequence[str] = (),
    triton_options: Sequence[str] = (),
) -> AsyncIterator[System]:
    """Run a system for the time of the context; whatever happens, nothing of it is left.

    Args:
        folder: where everything is written.
        proxied: whether there is a proxy before each searcher.
        gateways: how many.
        tritons: how many.
        demo: whether the models are the demo's instead of tiny ones; the gallery is random then.
        options: further arguments of the gateways.
        triton_options: further arguments of the Tritons.
    """
    snapshot = await asyncio.to_thread(publish_demo if demo else publish, folder / "snapshots")
    models = DEMO_MODELS if demo else folder / "models"
    if not demo:
        tiny_models.write_model(models, "embedder", tiny_models.embedder())
        tiny_models.write_model(models, "classifier", tiny_models.classifier(), labels=tiny_models.LABELS)
    groups = {"north": tuple(slug for slug in snapshot.images)} if demo else GROUPS
    replicas = [(group, number) for group in groups for number in range(2)]
    ports = iter(free_ports(tritons + gateways + 2 * len(replicas)))
    members: dict[str, Member] = {}
    targets: dict[tuple[str, int], str] = {}

    def add(name: str, module: str, *argv: str) -> str:
        port = str(next(ports))
        members[name] = Member(name, ("-m", module, *argv, "--port", port), folder)
        return f"127.0.0.1:{port}"

    triton_argv = ["--model-repository", str(models), "--environment", str(ROOT / ".venv-triton")]
    triton_argv += ["--drain-seconds", "1", *triton_options]
    triton_targets = [add(f"triton-{number}", "services.models", *triton_argv) for number in range(tritons)]
    for group, number in replicas:
        argv = ("--snapshot-root", str(snapshot.root), "--shards", ",".join(groups[group]))
        target = add(f"searcher-{group}-{number}", "services.searcher", *argv)
        if proxied:
            seed = str(len(targets))
            name = f"proxy-{group}-{number}"
            target = add(name, "tests.support.faults.proxy", "--target", target, "--seed", seed)
        targets[group, number] = target
    shards = {
        slug: [targets[group, number] for number in range(2)] for group, slugs in groups.items() for slug in slugs
    }
    gateway_argv = ["--snapshot-root", str(snapshot.root), "--topology", str(write_topology(folder, shards))]
    gateway_argv += ["--triton", ",".join(triton_targets), *options]
    addresses = [add(f"gateway-{number}", "services.gateway", *gateway_argv) for number in range(gateways)]
    async with AsyncExitStack() as stack:
        for member in members.values():
            stack.push_async_callback(member.close)
        waves: dict[bool, list[Member]] = {True: [], False: []}
        for name, member in members.items():
            waves[name.startswith("gateway")].append(member)
        for wave in (waves[False], waves[True]):
            await asyncio.gather(*(member.start() for member in wave))
        yield System(snapshot, f"ipv4:{','.join(addresses)}", members)
