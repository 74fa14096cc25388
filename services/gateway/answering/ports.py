"""What the use case stands on, and what it hands over: decoder, models, and who hears of the answers. Knows no gRPC."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from services.common.criticality import Criticality
from services.gateway.answering.query import Answer
from services.models.metadata import ModelInfo
from services.photo.intake import PhotoReport, Pixels
from services.photo.region import Region

Embedding = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """A photo as the two models take it, RGB uint8 `[1, H, W, 3]` each, and what was done to it."""

    embedder: Pixels
    classifier: Pixels
    report: PhotoReport


class Decoder(Protocol):
    """Turns a photo's bytes into the models' pixels, off the event loop."""

    async def decode(self, image: bytes, region: Region | None, timeout_seconds: float) -> ModelInputs:
        """Raise ImageUnreadable or ImageTooLarge for no usable photo, DeadlineExceeded or Overloaded for a late one."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Classified:
    """What a classifier says about pictures.

    Attributes:
        probabilities: float32 `[N, labels]`, in the order of the classifier's labels.
        classifier: which one it was.
    """

    probabilities: npt.NDArray[np.float32]
    classifier: ModelInfo


class Models(Protocol):
    """The two models, wherever they are served."""

    @property
    def embedder(self) -> ModelInfo:
        """The one whose vectors are searched for."""
        ...

    @property
    def classifiers(self) -> tuple[ModelInfo, ...]:
        """Those that serve, the one seen last at the end; more than one while one takes the place of another."""
        ...

    @property
    def are_joined(self) -> bool:
        """Whether one model is both, and takes one call for what two take."""
        ...

    async def embed(self, pixels: Pixels, timeout_seconds: float) -> Embedding:
        """Return unit vectors float32 `[N, D]`."""
        ...

    async def classify(self, pixels: Pixels, timeout_seconds: float) -> Classified:
        """Return the categories' probabilities."""
        ...

    async def embed_and_classify(self, pixels: Pixels, timeout_seconds: float) -> tuple[Embedding, Classified]:
        """Return both from one call, where the models are joined."""
        ...


class PhotoRecord(Protocol):
    """Hears what became of every photo."""

    def answered(self, answer: Answer, criticality: Criticality, seconds: float) -> None:
        """Count an answer, and what it took, waiting included."""
        ...

    def failed(self, error: BaseException, criticality: Criticality) -> None:
        """Count an error, or that the caller did not wait (CancelledError)."""
        ...


class NoRecord:
    """Counts nothing."""

    def answered(self, answer: Answer, criticality: Criticality, seconds: float) -> None:
        """Forget it."""

    def failed(self, error: BaseException, criticality: Criticality) -> None:
        """Forget it."""
