"""What embedder and classifier say about held-out photos, which they get exactly as the gateway would send them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.indexer.embedding import Pace, ask_models
from services.indexer.pictures import Picture, Skipped, decode
from services.models.metadata import ModelInfo

Pixels = NDArray[np.uint8]


class BothModels(Protocol):
    """What turns pixels into vectors and into probabilities."""

    async def embed(self, pixels: Pixels, timeout_seconds: float) -> NDArray[np.float32]:
        """Return unit vectors, float32 `(n, dimension)`, of RGB pixels, uint8 `(n, height, width, 3)`."""
        ...

    async def classify(self, pixels: Pixels, timeout_seconds: float) -> NDArray[np.float32]:
        """Return the probability of every label, float32 `(n, labels)`, of pixels as above."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PhotoAnswers:
    """The models' answers about the photos that can be read.

    Attributes:
        places: which photos, int `(N,)`, ascending.
        vectors: unit vectors, float32 `(N, dimension)`.
        probabilities: the classifier's, float32 `(N, labels)`.
        unreadable: the other photos.
    """

    places: NDArray[np.intp]
    vectors: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    unreadable: Sequence[Skipped]


async def ask_about_photos(
    photos: Sequence[Picture],
    models: BothModels,
    embedder: ModelInfo,
    classifier: ModelInfo,
    *,
    pace: Pace,
    advance: Callable[[int], None],
) -> PhotoAnswers:
    """Embed and classify photos.

    Args:
        photos: their files; each one's `row` is its place.
        models: who is asked.
        embedder: says what pixels it takes.
        classifier: likewise.
        pace: how hard to work.
        advance: told how many photos are done.

    Raises:
        AisleError: a model fails, or the patience with it is over.
    """
    sides = [(model.input_height, model.input_width) for model in (embedder, classifier)]
    least_side = max(max(side) for side in sides)
    all_vectors = np.zeros((len(photos), embedder.output_size), np.float32)
    all_probabilities = np.zeros((len(photos), classifier.output_size), np.float32)
    answered: list[int] = []
    unreadable: list[Skipped] = []

    def read(picture: Picture) -> tuple[Pixels, Pixels] | Skipped:
        photo = decode(picture, least_side)
        return photo if isinstance(photo, Skipped) else (photo.pixels(*sides[0]), photo.pixels(*sides[1]))

    async def ask(
        inputs: Sequence[tuple[Pixels, Pixels]], timeout_seconds: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        for_embedder, for_classifier = (np.stack(pixels) for pixels in zip(*inputs, strict=True))
        # One after the other: other batches keep the second model busy meanwhile.
        vectors = await models.embed(for_embedder, timeout_seconds)
        return vectors, await models.classify(for_classifier, timeout_seconds)

    def keep(
        pictures: Sequence[Picture],
        answer: tuple[NDArray[np.float32], NDArray[np.float32]] | None,
        skipped: Sequence[Skipped],
    ) -> None:
        if answer is not None:
            places = [picture.row for picture in pictures]
            all_vectors[places], all_probabilities[places] = answer
            answered.extend(places)
        unreadable.extend(skipped)
        advance(len(pictures) + len(skipped))

    await ask_models(photos, read=read, ask=ask, pace=pace, on_batch=keep)
    places = np.sort(np.array(answered, np.intp))
    return PhotoAnswers(
        places, all_vectors[places], all_probabilities[places], sorted(unreadable, key=lambda one: one.row)
    )
