"""Renders every overlay for a shop of 32 shards, and looks for what is wrong with it."""

import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.kubernetes.building import build
from services.kubernetes.checking import policy_findings, schema_findings
from services.kubernetes.rendering import render
from services.kubernetes.wishes import FILE
from services.snapshot.manifest import EmbedderEntry, FileEntry, IndexEntry, Manifest, Segment, ShardEntry
from services.snapshot.slugs import slug

SHARDS: Final = 32
_IMAGES: Final = 100_000
_BYTES_PER_IMAGE: Final = 1_300
"""Of an index of one byte per dimension at 1,280."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What came of it.

    Attributes:
        seconds: rendering took, by overlay; those that have searchers of their own.
        objects: by overlay.
        schema_findings: what an API server would refuse, with the overlay.
        policy_findings: what it would take, and we don't.
    """

    seconds: Mapping[str, float]
    objects: Mapping[str, int]
    schema_findings: tuple[str, ...]
    policy_findings: tuple[str, ...]


def render_overlays(k8s: Path) -> Rendered:
    """Render and check a copy of the manifests.

    Args:
        k8s: their folder.

    Raises:
        FailedPrecondition: there is no kubectl.
        AisleError: an overlay can't be rendered or built.
    """
    manifest = shop_of(SHARDS)
    seconds: dict[str, float] = {}
    objects: dict[str, int] = {}
    schema: list[str] = []
    policy: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "k8s"
        shutil.copytree(k8s, copy)
        overlays = sorted(path for path in (copy / "overlays").iterdir() if path.is_dir())
        for overlay in overlays:
            if (overlay / FILE).exists():
                began = time.perf_counter()
                render(manifest, overlay)
                seconds[overlay.name] = time.perf_counter() - began
        for overlay in overlays:
            built = build(overlay)
            objects[overlay.name] = len(built)
            schema += [f"{overlay.name}: {each}" for each in schema_findings(built)]
            policy += [f"{overlay.name}: {each}" for each in policy_findings(built)]
    return Rendered(seconds, objects, tuple(schema), tuple(policy))


def shop_of(shards: int) -> Manifest:
    """Return the manifest of a shop with so many categories, of 100,000 pictures each; no snapshot is behind it."""
    return Manifest(
        snapshot_id="20260131T120000Z-0123456789ab",
        created_at="2026-01-31T12:00:00Z",
        space_id="0123456789abcdef",
        dimension=1_280,
        metric="inner_product",
        embedder=EmbedderEntry(name="embedder", version="1", sha256="ab" * 32, preprocessing="resize-square-1"),
        dataset="made up",
        image_root="",
        skipped_images=0,
        shards=tuple(_shard(f"Category {number:02}") for number in range(shards)),
    )


def _shard(category: str) -> ShardEntry:
    name = slug(category)

    def file(path: str, size_bytes: int) -> FileEntry:
        return FileEntry(path=f"{name}/{path}", size_bytes=size_bytes, sha256="0" * 64)

    index_file = file("index.faiss", _IMAGES * _BYTES_PER_IMAGE)
    index = IndexEntry(file=index_file, factory="HNSW32,SQ8", first_fetch=10, recall_at_10=0.99)
    return ShardEntry(
        slug=name,
        category=category,
        baseline=False,
        images=_IMAGES,
        products=_IMAGES // 4,
        segments=(
            Segment(
                images=_IMAGES,
                index=index,
                items=file("items.arrow", 100 * _IMAGES),
                golden=file("golden.parquet", 10_000),
            ),
        ),
    )
