"""What a FAISS index is made of, as far as the ways to ask it differ: looked at once, when it is opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import faiss


class Knob(Enum):
    """What says how closely an index looks, by FAISS's name."""

    NPROBE = "nprobe"
    """Of lists: how many of them are read."""
    EF_SEARCH = "efSearch"
    """Of a graph: how many nodes are kept in sight."""
    NONE = ""
    """It looks at all that it has."""


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """The parts of an index.

    Attributes:
        index: the whole.
        proposer: the index that proposes rows: the one below a refinement by exact vectors, or the whole.
        storage: the list of codes in which the vectors lie, as exactly as the index has them: a list (Flat, scalar and
            product quantisers) is its own, a graph and a refined index keep one beside them; None where there is none.
        knob: of the proposer.
    """

    index: Any
    proposer: Any
    storage: Any | None
    knob: Knob

    @classmethod
    def of(cls, index: Any) -> "Anatomy":
        """Look at an index of FAISS."""
        proposer, storage = index, index
        if isinstance(index, faiss.IndexRefine):
            storage = faiss.downcast_index(index.refine_index)
            if isinstance(storage, faiss.IndexFlatCodes):
                proposer = faiss.downcast_index(index.base_index)
        elif isinstance(index, faiss.IndexHNSW):
            storage = faiss.downcast_index(index.storage)
        knob = Knob.NONE
        if isinstance(proposer, faiss.IndexIVF):
            knob = Knob.NPROBE
        elif isinstance(proposer, faiss.IndexHNSW):
            knob = Knob.EF_SEARCH
        return cls(index, proposer, storage if isinstance(storage, faiss.IndexFlatCodes) else None, knob)

    @property
    def refines(self) -> bool:
        """Whether what is proposed is compared again, with what the storage has."""
        return self.proposer is not self.index

    @property
    def source(self) -> Any:
        """What gives vectors back."""
        return self.index if self.storage is None else self.storage

    @property
    def is_exact(self) -> bool:
        """Whether it does nothing but compare every vector."""
        return self.index is self.storage and isinstance(self.index, faiss.IndexFlat)

    @property
    def scans_among_some(self) -> bool:
        """Whether FAISS compares every vector of the storage, or some; of its lists, product quantisers can't."""
        return isinstance(self.storage, faiss.IndexFlat | faiss.IndexScalarQuantizer)

    @property
    def keeps_vectors(self) -> bool:
        """Whether the storage has the vectors as they are, and no codes of them."""
        return isinstance(self.storage, faiss.IndexFlat)

    @property
    def lists(self) -> int:
        """The number of lists among which the proposer chooses; 0 when it has none."""
        return int(self.proposer.nlist) if self.knob is Knob.NPROBE else 0

    def search_parameters(self, given: Mapping[str, int]) -> Any:
        """Return FAISS's parameters of one search, so that the index itself never changes; None when none are given.

        Args:
            given: by name; the knob's, if the proposer has one.
        """
        if not given:
            return None
        if self.knob is Knob.NPROBE:
            return faiss.SearchParametersIVF(**given)
        return faiss.SearchParametersHNSW(**given)  # type: ignore[attr-defined]
