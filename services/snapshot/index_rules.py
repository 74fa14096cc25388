"""What the indexes of a snapshot are to be like: wished once, and kept to by every change. Pure."""

from dataclasses import dataclass, replace
from typing import Final


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

    def wished(self, factory: str | None, wanted_recall: float | None, memory_limit_bytes: int | None) -> "IndexRules":
        """Return the rules with other wishes; None: as it is."""
        wishes = {"factory": factory, "wanted_recall": wanted_recall, "memory_limit_bytes": memory_limit_bytes}
        return replace(self, **{name: wish for name, wish in wishes.items() if wish is not None})  # type: ignore[arg-type]


def memory_limit(megabytes: float | None) -> int | None:
    """Return a limit in bytes; None for none."""
    return None if megabytes is None else round(megabytes * 2**20)


DEFAULT_RULES: Final = IndexRules()
