"""What can't be added to a snapshot, because of what it holds: refused by file and row."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.common.errors import CatalogueInvalid, SpaceMismatch
from services.indexer.catalogue import Catalogue
from services.indexer.existing import ExistingShard
from services.models.metadata import ModelInfo
from services.snapshot.manifest import Manifest
from services.snapshot.slugs import slugs


def refuse_another_space(manifest: Manifest, embedder: ModelInfo) -> None:
    """Refuse vectors that can't be compared with those of the snapshot.

    Raises:
        SpaceMismatch: Triton serves another embedder than the snapshot was made with.
    """
    if embedder.space.space_id != manifest.space_id:
        raise SpaceMismatch(
            f"snapshot {manifest.snapshot_id} holds vectors of {manifest.embedder.name} {manifest.embedder.version} "
            f"(space {manifest.space_id}), but Triton serves {embedder.name} {embedder.version} (space "
            f"{embedder.space.space_id}): start it with the snapshot's models, or index the whole catalogue"
        )


def existing_rows(catalogue: Catalogue, shards: Sequence[ExistingShard]) -> NDArray[np.bool_]:
    """Return which rows of a catalogue are images that a snapshot has and that are not withdrawn, bool `(rows,)`."""
    images = pa.array(catalogue.strings("image_id"), pa.string())
    existing = np.zeros(len(catalogue), np.bool_)
    for segment in (segment for shard in shards if not shard.entry.baseline for segment in shard.segments):
        existing |= pc.is_in(images, value_set=segment.live_values("image_id")).to_numpy(zero_copy_only=False)
    return existing


def refuse_existing(catalogue: Catalogue, manifest: Manifest, existing: NDArray[np.bool_]) -> None:
    """Refuse images that the snapshot has already.

    Args:
        catalogue: what is to be added.
        manifest: the snapshot's.
        existing: which rows these are, bool `(rows,)`.

    Raises:
        CatalogueInvalid: there is one; the message names the first row.
    """
    if existing.any():
        row = int(existing.argmax())
        raise CatalogueInvalid(
            f"{catalogue.place(row)}: image_id {catalogue.strings('image_id')[row]!r} is already in snapshot "
            f"{manifest.snapshot_id}, one of {existing.sum():,} such images; delete them first to replace them, or "
            "pass them over with --ignore-existing",
            field="image_id",
        )


def refuse_contradictions(catalogue: Catalogue, manifest: Manifest, shards: Sequence[ExistingShard]) -> None:
    """Refuse a catalogue that contradicts the snapshot which takes it.

    Args:
        catalogue: what is to be added.
        manifest: the snapshot's.
        shards: its shards.

    Raises:
        CatalogueInvalid: a product that the snapshot has in another category, or a category whose slug another one of
            it has; the message names the row.
    """
    categories, products = catalogue.strings("category"), catalogue.strings("product_id")
    slugs([*(shard.category for shard in manifest.category_shards), *categories])
    row_of_product = {product: row for row, product in enumerate(products)}
    for shard in shards:
        for product in () if shard.entry.baseline else _present_products(shard, products):
            row = row_of_product[product]
            if categories[row] != shard.entry.category:
                raise CatalogueInvalid(
                    f"{catalogue.place(row)}: product {product!r} is in category {categories[row]!r}, but in "
                    f"{shard.entry.category!r} in snapshot {manifest.snapshot_id}",
                    field="category",
                )


def _present_products(shard: ExistingShard, products: Sequence[str]) -> list[str]:
    """Return which products some row of a shard has that can be found."""
    wanted = pa.array(products, pa.string())
    present: set[str] = set()
    for segment in shard.segments:
        live = segment.live_values("product_id")
        present.update(live.filter(pc.is_in(live, value_set=wanted)).to_pylist())
    return sorted(present)
