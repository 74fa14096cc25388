"""Settings of a searcher."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from services.common.cores import available_cores
from services.common.lifecycle import ServerSettings


class SearcherSettings(ServerSettings):
    """A searcher: serves shards of the current snapshot."""

    snapshot_root: str = Field(min_length=1)
    """Where snapshots are published: a folder or an fsspec URL."""
    snapshot_id: str = ""
    """The snapshot to serve, and no other; empty: the one that CURRENT names, now and later."""
    follow_seconds: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Time between two looks at CURRENT; a look costs one small read. 0: stay with the first snapshot."""
    keep_seconds: float = Field(default=600.0, ge=0, allow_inf_nan=False)
    """How long the snapshot before stays in memory when nobody asks for it: to roll back to it takes no loading. What
    gateways answer from stays however short this is."""
    shards: Annotated[tuple[str, ...], NoDecode] = ()
    """Slugs of the shards to serve, separated by commas; empty: every category's, without the baseline index."""
    cache_dir: Path | None = None
    """Where files of a remote snapshot are kept between starts; unused when the root is a local folder."""
    trace_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the searches that are traced although their caller does not trace them: traces begin at the gateway."""
    search_threads: int = Field(default_factory=available_cores, ge=1, le=256)
    """Searches at once, one core each: more threads than cores only make the slowest answers slower."""
    max_waiting_searches: int = Field(default=64, ge=0)
    """Searches that may wait for a thread; at half a millisecond each, about the time that a caller would wait."""

    @property
    def follows(self) -> bool:
        """Whether it moves with CURRENT."""
        return self.follow_seconds > 0 and not self.snapshot_id

    @field_validator("shards", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return tuple(slug.strip() for slug in value.split(",") if slug.strip()) if isinstance(value, str) else value
