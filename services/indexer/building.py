"""Building the index of a segment: the kind that suits it, trained, filled, and tuned to the recall that is wanted."""

from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from services.common.errors import SettingsInvalid
from services.indexer.index_choice import index_factories
from services.indexer.tuning import Tuned, tune
from services.neighbours.anatomy import Anatomy
from services.neighbours.selection import Selection
from services.neighbours.vector_index import Effort, VectorIndex
from services.snapshot.index_rules import DEFAULT_RULES, IndexRules

_TRAINING_VECTORS: Final = 65_536
"""More hardly move the codes' centres."""
_TRAINING_VECTORS_PER_LIST: Final = 64
_SEED: Final = 31
_TRIED_VECTORS: Final = 8
_SIMILARITY_TOLERANCE: Final = 0.01
"""How far what an index tells may lie from what its vectors give: tables of 8-bit numbers miss it by 0.003."""


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
    """Build and tune an index; one that was chosen by size and does not find enough gives way to a closer one.

    Args:
        vectors: float32 `(images, dimension)`, of unit length.
        product_of_row: int `(images,)`, the number of each row's product.
        rules: what it is to be like.

    Raises:
        SettingsInvalid: FAISS does not know the factory string, can't build it from these vectors, or makes an index of
            it that can't be asked as searchers ask.
    """
    chosen = index_factories(len(vectors), vectors.shape[1], rules.memory_limit_bytes)
    for factory in (rules.factory,) if rules.factory else chosen:
        built = _built(vectors, product_of_row, factory, rules.wanted_recall)
        if built.tuned.recall_at_10 >= rules.wanted_recall:
            break
    return built


def _built(
    vectors: NDArray[np.float32], product_of_row: NDArray[np.integer], factory: str, wanted_recall: float
) -> Built:
    # On all cores: since version 1.15 FAISS links a graph in the same way whatever the number of threads.
    try:
        index: Any = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
        anatomy = Anatomy.of(index)
        if not index.is_trained:
            index.train(_sample(vectors, max(_TRAINING_VECTORS, _TRAINING_VECTORS_PER_LIST * anatomy.lists)))
        index.add(vectors)
        if anatomy.storage is None and anatomy.lists:  # without a map no vector could be read back from its list
            index.make_direct_map()
        built = Built(factory, index, tune(index, product_of_row, wanted_recall))
        miss = _greatest_miss(built.searchable, vectors[:_TRIED_VECTORS])
    except RuntimeError:  # its text is about FAISS's source files
        raise SettingsInvalid(
            f"FAISS can't build an index {factory!r} of {len(vectors)} vectors of {vectors.shape[1]} numbers, or can't "
            "search it exactly and among some of its vectors",
            field="index_factory",
        ) from None
    if miss > _SIMILARITY_TOLERANCE:
        raise SettingsInvalid(
            f"an index {factory!r} tells similarities that are none of its vectors' inner products: {miss:.2g} off",
            field="index_factory",
        )
    return built


def _greatest_miss(index: VectorIndex, queries: NDArray[np.float32]) -> float:
    """Ask as searchers will, and return how far a similarity lies from that of the vector which the index gives back.

    Raises:
        RuntimeError: FAISS can't answer.
    """
    some = Selection(np.arange(index.rows) % 2 == 0)
    misses = [0.0]
    for effort, selection in product(Effort, (None, some)):
        nearest = index.nearest(queries, 1, effort, selection)  # of more it might rather compare every vector
        found = nearest.rows[:, 0]
        exact = np.einsum("qd,qd->q", queries, index.vectors(np.maximum(found, 0)))
        misses.append(float(np.abs(nearest.similarities[:, 0] - exact).max(initial=0.0, where=found >= 0)))
    return max(misses)


def _sample(vectors: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    if len(vectors) <= most:
        return vectors
    sample: NDArray[np.float32] = vectors[np.sort(np.random.default_rng(_SEED).permutation(len(vectors))[:most])]
    return sample
