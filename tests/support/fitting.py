"""A tiny embedder to start a fit from, and a tiny shop: coloured shapes as studio pictures and as shoppers' photos."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from services.datasets.labelled import GalleryImage, write_dataset
from services.models.golden import golden_picture
from services.photo.labelled import LabelledPhoto
from services.training.repository import ModelEntry, write_entry
from services.training.sessions import run

SIDE = 16
DIMENSION = 12
CATEGORIES = ("Bag", "Hat", "Shoe", "Sock")
_COLOURS = {"a": (230, 60, 40), "b": (40, 90, 230)}


def tiny_backbone() -> onnx.ModelProto:
    """Pixels to 72 features (a convolution with fixed weights, pooled), a linear layer, unit length."""
    rng = np.random.default_rng(0)
    constants = {
        "scale": np.array(1 / 128, np.float32),
        "kernel": rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32),
        "weight": rng.normal(0, 0.3, (72, DIMENSION)).astype(np.float32),
        "bias": rng.normal(0, 0.1, DIMENSION).astype(np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["pixels"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["levels", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel"], ["seen"], strides=[1, 1]),
        helper.make_node("Relu", ["seen"], ["active"]),
        helper.make_node("AveragePool", ["active"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["projected"]),
        helper.make_node("LpNormalization", ["projected"], ["embedding"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSION])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


def write_base(repository: Path) -> Path:
    """Write a model repository that holds the tiny embedder alone, and return its folder."""
    file = repository.parent / "tiny.onnx"
    repository.mkdir(parents=True)
    onnx.save(tiny_backbone(), str(file))
    entry = ModelEntry(
        name="embedder",
        onnx=file,
        side=SIDE,
        output="embedding",
        golden=run(file, golden_picture(SIDE, SIDE)[None])[0],
        tolerance=1e-3,
        card="# Tiny\n",
        parameters={"model_version": "tiny-1", "preprocessing": "resize-square-1"},
    )
    write_entry(repository, entry)
    return repository


def picture(category: str, product: str, rng: np.random.Generator | None = None) -> NDArray[np.uint8]:
    """Draw a product; with a generator as a shopper would: on a busy ground, moved, in another light."""
    canvas = np.full((48, 48, 3), 255, np.uint8)
    middle = np.array([24, 24])
    if rng is not None:
        canvas[:] = rng.integers(60, 200, 3, dtype=np.uint8)
        middle += rng.integers(-4, 5, 2)
    colour = _COLOURS[product[-1]]
    x, y = (int(value) for value in middle)
    match CATEGORIES.index(category):
        case 0:
            cv2.rectangle(canvas, (x - 14, y - 14), (x + 14, y + 14), colour, -1)
        case 1:
            cv2.circle(canvas, (x, y), 15, colour, -1)
        case 2:
            cv2.rectangle(canvas, (x - 18, y - 5), (x + 18, y + 5), colour, -1)
        case _:
            cv2.rectangle(canvas, (x - 5, y - 18), (x + 5, y + 18), colour, -1)
    if rng is None:
        return canvas
    return np.clip(canvas * rng.uniform(0.7, 1.1) + rng.normal(0, 6, canvas.shape), 0, 255).astype(np.uint8)


def write_shop(folder: Path, photos_per_product: int = 12, tables: Sequence[str] = ("train", "val")) -> Path:
    """Write a dataset folder of 4 categories with 2 products each, and return it."""
    rng = np.random.default_rng(5)
    gallery, photos = [], {table: list[LabelledPhoto]() for table in tables}
    for category in CATEGORIES:
        for product in (f"{category}-a", f"{category}-b"):
            _save(folder / f"gallery/{product}.png", picture(category, product))
            gallery.append(GalleryImage(product, product, category, f"gallery/{product}.png"))
            for table, number in zip(tables, (photos_per_product, photos_per_product // 2), strict=False):
                for turn in range(number):
                    path = f"{table}/{product}-{turn}.png"
                    _save(folder / path, picture(category, product, rng))
                    photos[table].append(LabelledPhoto(path, category, product))
    write_dataset(folder, name="tiny", image_root=Path(), catalogue=gallery, photos=photos, made_from={})
    return folder


def rewrite(table: Path, change: Callable[[list[str]], list[str] | None]) -> None:
    """Change every row (photo_path, product_id, category) of a table; rows that become None go."""
    with table.open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    with table.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows([header, *(changed for row in rows if (changed := change(row)) is not None)])


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
