"""Catching up: what gateways answer from and this searcher lacks, since it ended and came back, is loaded, too."""

from services.common.errors import AisleError
from services.searcher.loading import LoadedSnapshot
from services.searcher.rollout import Rollout
from services.searcher.shelf import Shelf


class CatchingUp:
    """What gateways claim, to be followed as CURRENT is (`services.snapshot.following`)."""

    def __init__(self, shelf: Shelf[LoadedSnapshot], rollout: Rollout) -> None:
        """Create it.

        Args:
            shelf: knows what is claimed; something is on it.
            rollout: loads it.
        """
        self._shelf = shelf
        self._rollout = rollout

    async def wanted_id(self) -> str:
        """Return a snapshot that is lacking; the current one when none is."""
        return self._shelf.lacking or self._shelf.look("").snapshot_id

    async def adopt(self, snapshot_id: str) -> bool:
        """Load it beside the current one; as `services.snapshot.following.Adopter` says."""
        await self._rollout.add(snapshot_id)
        return True

    def refused(self, snapshot_id: str, error: AisleError) -> None:
        """Say and count it as what CURRENT names."""
        self._rollout.refused(snapshot_id, error)
