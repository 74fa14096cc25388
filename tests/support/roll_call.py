"""Two searchers that say which snapshots they serve, and the shards that they share."""

from dataclasses import dataclass, field

from services.common.errors import SnapshotMismatch, Unavailable

TOPOLOGY = {"bags": ("one", "two"), "coats": ("one",), "shirts": ("two",), "shoes": ("two",)}
ALL = frozenset(TOPOLOGY)


@dataclass
class FakeDescribing:
    """Two searchers that are asked what they serve.

    Attributes:
        loaded: by target the snapshots that it serves, with all shards.
        lost: those that do not answer.
        used: what each was told is used, last.
        defect: raised by every `describe`, when set.
    """

    loaded: dict[str, set[str]] = field(default_factory=lambda: {"one": {"a"}, "two": {"a"}})
    lost: set[str] = field(default_factory=set)
    used: dict[str, str] = field(default_factory=dict)
    defect: Exception | None = None

    async def describe(
        self, target: str, snapshot_id: str, *, used_snapshot_id: str, timeout_seconds: float
    ) -> frozenset[str]:
        """Return all shards."""
        assert timeout_seconds > 0
        if self.defect is not None:
            raise self.defect
        if target in self.lost:
            raise Unavailable("nobody there")
        self.used[target] = used_snapshot_id
        if snapshot_id not in self.loaded[target]:
            raise SnapshotMismatch(f"{target} refused it")
        return ALL

    async def snapshot_ids(self, target: str, timeout_seconds: float) -> tuple[str, ...]:
        """Return what it serves."""
        assert timeout_seconds > 0
        if target in self.lost:
            raise Unavailable("nobody there")
        return tuple(self.loaded[target])
