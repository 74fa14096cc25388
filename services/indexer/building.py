"""Building the index of a segment: the kind that suits it, trained, filled, and tuned to the recall that is wanted."""

from dataclasses import dataclass
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from services.common.errors import SettingsInvalid
from services.indexer.index_choice import index_factory
from services.indexer.tuning import Tuned, tune
from services.neighbours.vector_index import VectorIndex, base_of

_TRAINING_VECTORS: Final = 65_536
"""More hardly move the codes' centres."""
_TRAINING_VECTORS_PER_LIST: Final = 64
_SEED: Final = 31


@dataclass(frozen=True, slots=True)
class IndexRules:
    """What indexes are to be like.

    Attributes:
        factory: FAISS's factory string for every segment; empty: chosen by size.
        wanted_recall: share of the ten best products that an index has to find, in (0, 1].
        memory_limit_bytes: what the codes of one index may take; None for no limit.
    """

    factory: str = ""
    wanted_recall: float = 0.99
    memory_limit_bytes: int | None = None


DEFAULT_RULES: Final = IndexRules()


@dataclass(frozen=True, slots=True)
class Built:
    """An index that is ready to be searched.

    Attributes:
        factory: its factory string.
        index: FAISS's.
        tuned: how closely it has to look.
    """

    factory: str
    index: Any
    tuned: Tuned

    @property
    def searchable(self) -> VectorIndex:
        """The index as a searcher will ask it."""
        return VectorIndex(self.index, self.tuned.parameters, self.tuned.first_fetch)


def build_index(
    vectors: NDArray[np.float32], product_of_row: NDArray[np.integer], rules: IndexRules = DEFAULT_RULES
) -> Built:
    """Build and tune an index; one that was chosen by size and does not find enough gives way to an exact one.

    Args:
        vectors: float32 `(images, dimension)`, of unit length.
        product_of_row: int `(images,)`, the number of each row's product.
        rules: what it is to be like.

    Raises:
        SettingsInvalid: FAISS does not know the factory string, or can't build it from these vectors.
    """
    factory = rules.factory or index_factory(len(vectors), vectors.shape[1], rules.memory_limit_bytes)
    built = _built(vectors, product_of_row, factory, rules.wanted_recall)
    if built.tuned.recall_at_10 < rules.wanted_recall and not rules.factory:
        return _built(vectors, product_of_row, "Flat", rules.wanted_recall)
    return built


def _built(
    vectors: NDArray[np.float32], product_of_row: NDArray[np.integer], factory: str, wanted_recall: float
) -> Built:
    # On all cores: since version 1.15 FAISS links a graph in the same way whatever the number of threads.
    try:
        index = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            index.train(_sample(vectors, max(_TRAINING_VECTORS, _TRAINING_VECTORS_PER_LIST * _lists(index))))
        index.add(vectors)
        if isinstance(index, faiss.IndexIVF):  # without a map no vector could be read back from its list
            index.make_direct_map()
    except RuntimeError:  # its text is about FAISS's source files
        raise SettingsInvalid(
            f"FAISS can't build an index {factory!r} of {len(vectors)} vectors of {vectors.shape[1]} numbers",
            field="index_factory",
        ) from None
    return Built(factory, index, tune(index, product_of_row, wanted_recall))


def _lists(index: Any) -> int:
    base = base_of(index)
    return base.nlist if isinstance(base, faiss.IndexIVF) else 0


def _sample(vectors: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    if len(vectors) <= most:
        return vectors
    sample: NDArray[np.float32] = vectors[np.sort(np.random.default_rng(_SEED).permutation(len(vectors))[:most])]
    return sample
