"""The space id: vectors of different embedders, preprocessings, dimensions or metrics must never meet."""

import hashlib
import json
from dataclasses import asdict, dataclass

INNER_PRODUCT = "inner_product"
_ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Space:
    """What decides whether two vectors can be compared.

    Attributes:
        model_sha256: of the embedder's model.onnx, 64 lower-case hexadecimal digits.
        preprocessing: name of the way from region to pixels, such as "resize-square-1".
        dimension: of the vectors.
        metric: how they are compared; `INNER_PRODUCT` of unit vectors is their cosine.
    """

    model_sha256: str
    preprocessing: str
    dimension: int
    metric: str = INNER_PRODUCT

    @property
    def space_id(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 over the canonical JSON of the four attributes."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:_ID_DIGITS]
