"""The shard map as it stands now: which addresses each shard's searchers have. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from services.gateway.peers.addresses import Addresses


class ShardMap(Mapping[str, Sequence[str]]):
    """Per shard's slug the addresses of its replicas; a shard whose names were not found yet has none."""

    def __init__(self, shards: Mapping[str, Sequence[str]], addresses: Addresses) -> None:
        """Create it.

        Args:
            shards: per shard's slug the targets of its replicas.
            addresses: what the targets stand for.
        """
        self._shards = shards
        self._addresses = addresses
        self._of: dict[str, tuple[str, ...]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take over what the addresses have learned; whoever holds a shard's list keeps the one before."""
        self._of = {slug: self._addresses.of_all(targets) for slug, targets in self._shards.items()}

    def __getitem__(self, slug: str) -> Sequence[str]:
        return self._of[slug]

    def __iter__(self) -> Iterator[str]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)
