"""The limit: a photo's whole work by function call in one process, with no RPC, no queue and no deadline.

The same decoding, ONNX files, plans, FAISS indexes and merging as those of the processes, so the answers are the same.
"""

import itertools
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Self

import faiss
import numpy as np

from services.benchmarks.scale.photos import ServedModels
from services.benchmarks.speed.answering import Answering
from services.benchmarks.speed.runtime import open_model, run
from services.common.cores import available_cores
from services.gateway.answering.merging import Hit

_BATCHES = (1, 2, 4, 8)
_TRIALS = 3
_TRIAL_PHOTOS = 48


@dataclass(frozen=True, slots=True)
class Throughput:
    """What all cores together did.

    Attributes:
        photos_per_second: answered.
        cpu_ms: processor time of this process for each.
    """

    photos_per_second: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class LimitAlone:
    """What one process does by function call.

    Attributes:
        p50_ms: at one in flight.
        full: at full use of all cores.
        batches: photos a second by the photos in a batch.
    """

    p50_ms: float
    full: Throughput
    batches: Mapping[int, float]


class Limit:
    """Answers photos as the whole system does, from this process's memory."""

    def __init__(self, models: ServedModels, answering: Answering, cores: int | None = None) -> None:
        """Load the models; takes a second.

        Args:
            models: of the repository that Triton serves, too.
            answering: all but them.
            cores: photos worked on at once at full use; those that there are by default.
        """
        self._answering = answering
        self._embedder, self._classifier = (
            open_model(models.repository / model.name) for model in (models.embedder, models.classifier)
        )
        one_thread = partial(faiss.omp_set_num_threads, 1)  # as in a searcher
        self._workers = ThreadPoolExecutor(cores or available_cores(), initializer=one_thread)
        self._beside = ThreadPoolExecutor(1)
        self.batch = 1

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, *_: object) -> None:
        """End its threads."""
        self._workers.shutdown()
        self._beside.shutdown()

    def answer(self, image: bytes) -> tuple[Hit, ...]:
        """Return the best products in one photo as soon as can be: the models work side by side.

        Raises:
            ImageUnreadable, ImageTooLarge: it is no usable photo.
        """
        for_embedder, for_classifier = self._answering.decoded(image)
        classifying = self._beside.submit(run, self._classifier, for_classifier[None])
        vectors = run(self._embedder, for_embedder[None])
        return self._answering.found([image], vectors, classifying.result())[0]

    def answers(self, images: Sequence[bytes]) -> list[tuple[Hit, ...]]:
        """Return the same for several photos, one thing after the other in this thread, each model asked once."""
        decoded = [self._answering.decoded(image) for image in images]
        for_embedder, for_classifier = (np.stack(each) for each in zip(*decoded, strict=True))
        return self._answering.found(images, run(self._embedder, for_embedder), run(self._classifier, for_classifier))

    def one_by_one(self, images: Sequence[bytes]) -> list[float]:
        """Return how long each photo took, seconds, when no other is in work."""
        return self._workers.submit(self._timed, images).result()

    def at_full_use(self, images: Sequence[bytes]) -> Throughput:
        """Answer these photos on all cores, each core in batches of `batch`."""
        batches = [images[start : start + self.batch] for start in range(0, len(images), self.batch)]
        began, used = time.perf_counter(), time.process_time()
        for _ in self._workers.map(self.answers, batches):
            pass
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - used
        return Throughput(len(images) / seconds, 1000 * cpu_seconds / len(images))

    def alone(self, images: Sequence[bytes]) -> LimitAlone:
        """Return what it does with these photos, at full use in the batch that does most."""
        batches = self.tune(images)
        return LimitAlone(1000 * median(self.one_by_one(images)), self.at_full_use(images), batches)

    def tune(self, images: Sequence[bytes]) -> Mapping[int, float]:
        """Find the batch that answers most photos a second, use it from now on, and return what each did."""
        tried: dict[int, list[float]] = {batch: [] for batch in _BATCHES}
        few = list(itertools.islice(itertools.cycle(images), _TRIAL_PHOTOS))
        self.at_full_use(few)  # the first calls of a size are slower
        for _ in range(_TRIALS):
            for self.batch in _BATCHES:
                tried[self.batch].append(self.at_full_use(few).photos_per_second)
        did = {batch: median(rates) for batch, rates in tried.items()}
        self.batch = max(did, key=did.__getitem__)
        return did

    def _timed(self, images: Sequence[bytes]) -> list[float]:
        times = []
        for image in images:
            began = time.perf_counter()
            self.answer(image)
            times.append(time.perf_counter() - began)
        return times
