"""What can't be added to a snapshot, because of what it holds: refused by file and row before anything is embedded."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

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


def refuse_contradictions(catalogue: Catalogue, manifest: Manifest, shards: Sequence[ExistingShard]) -> None:
    """Refuse a catalogue that contradicts the snapshot which takes it.

    Args:
        catalogue: what is to be added.
        manifest: the snapshot's.
        shards: its shards.

    Raises:
        CatalogueInvalid: an image that the snapshot has already, a product that it has in another category, or a
            category whose slug another one of it has; the message names the row.
    """
    categories = catalogue.strings("category")
    slugs([*(shard.category for shard in manifest.category_shards), *categories])
    images, products = catalogue.strings("image_id"), catalogue.strings("product_id")
    own = [shard for shard in shards if not shard.entry.baseline]
    row_of_image = {image: row for row, image in enumerate(images)}
    doubled = [row_of_image[image] for shard in own for image in _present(shard, "image_id", images)]
    if doubled:
        row = min(doubled)
        raise CatalogueInvalid(
            f"{catalogue.place(row)}: image_id {images[row]!r} is already in snapshot {manifest.snapshot_id}, one of "
            f"{len(doubled):,} such images; delete them first to replace them",
            field="image_id",
        )
    row_of_product = {product: row for row, product in enumerate(products)}
    for shard in own:
        for product in _present(shard, "product_id", products):
            row = row_of_product[product]
            if categories[row] != shard.entry.category:
                raise CatalogueInvalid(
                    f"{catalogue.place(row)}: product {product!r} is in category {categories[row]!r}, but in "
                    f"{shard.entry.category!r} in snapshot {manifest.snapshot_id}",
                    field="category",
                )


def _present(shard: ExistingShard, column: str, values: Sequence[str]) -> list[str]:
    """Return which values some row of a shard has that can be found."""
    wanted = pa.array(values, pa.string())
    present: set[str] = set()
    for segment in shard.segments:
        live = segment.live_values(column)
        present.update(live.filter(pc.is_in(live, value_set=wanted)).to_pylist())
    return sorted(present)
