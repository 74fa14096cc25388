"""A shop's vectors and item table as files, drawn category by category: two million vectors are 2 GB."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.lib.format import open_memmap

from services.benchmarks.gallery import DrawnCategory, Vectors
from services.benchmarks.scale.shop import Shop
from services.snapshot.manifest import AttributeType
from services.snapshot.tables import read_table, write_table

LOT, BRAND = "lot", "brand"
ATTRIBUTES: dict[str, AttributeType] = {LOT: "integer", BRAND: "string"}


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """All pictures, category after category.

    Attributes:
        vectors: float32 `(images, dimension)`, of unit length, mapped.
        items: one row per picture, mapped.
    """

    vectors: Vectors
    items: pa.Table


def drawn(folder: Path, shop: Shop) -> Drawn:
    """Return a shop's pictures, drawn unless an earlier run did.

    Args:
        folder: an existing folder for this very shop.
        shop: what it sells.
    """
    vectors_file, items_file = folder / "vectors.npy", folder / "items.arrow"
    if not items_file.is_file():  # it is written last
        shape = shop.gallery.shape
        vectors = open_memmap(vectors_file, "w+", np.float32, (shape.images, shop.gallery.dimension))
        tables, first_row = [], 0
        for number in range(shape.categories):
            category = shop.gallery.category(number)
            vectors[first_row : first_row + len(category.vectors)] = category.vectors
            tables.append(_items(shop, number, category, first_row))
            first_row += len(category.vectors)
        vectors.flush()
        unfinished = items_file.with_suffix(".unfinished")
        write_table(unfinished, pa.concat_tables(tables))
        unfinished.replace(items_file)
    return Drawn(np.load(vectors_file, mmap_mode="r"), read_table(items_file))


def _items(shop: Shop, number: int, category: DrawnCategory, first_row: int) -> pa.Table:
    products = category.product_of_row.tolist()
    ids = [f"{first_row + row:07}" for row in range(len(products))]
    product_ids = [shop.product_id(number, product) for product in range(max(products) + 1)]
    brands = [shop.brand(number, product) for product in range(max(products) + 1)]
    return pa.table(
        {
            "image_id": ids,
            "product_id": [product_ids[product] for product in products],
            "category": [shop.names[number]] * len(products),
            "image_path": [f"{product_ids[product]}/{name}.jpg" for product, name in zip(products, ids, strict=True)],
            LOT: shop.lots(number, len(products)),
            BRAND: [brands[product] for product in products],
        }
    )
