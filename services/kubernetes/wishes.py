"""What an overlay asks of its searchers: its file `searchers.yaml`, checked. Pure but for reading it."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.common.errors import AisleError, SettingsInvalid
from services.common.misfits import checked, meant
from services.common.yaml_documents import read_document
from services.kubernetes.images import check_image
from services.kubernetes.quantities import amount, memory_words
from services.snapshot.sizes import SMALL_SHARD_BYTES, SMALL_SHARDS_TOGETHER

FILE: Final = "searchers.yaml"


def _quantity(text: str) -> str:
    try:
        amount(text)
    except AisleError as error:
        raise ValueError(error.message) from None
    return text


def _image(name: str) -> str:
    try:
        return check_image(name)
    except AisleError as error:
        raise ValueError(error.message) from None


Quantity = Annotated[str, AfterValidator(_quantity)]
Image = Annotated[str, AfterValidator(_image)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Replicas(_Frozen):
    """How many searchers have the same shards."""

    least: int = Field(default=2, ge=1, le=100)
    """With one, its node can't be drained, and a fault costs the category until another one has started."""
    most: int = Field(default=6, ge=1, le=100)
    """How far the autoscaler may go."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.most < self.least:
            raise ValueError(f"most is {self.most}, less than least, {self.least}")
        return self


class ShardWishes(_Frozen):
    """What one shard's searcher is to be like; what is not said is as for the others."""

    memory: Quantity | None = None
    """Of each replica, as `4Gi`."""
    cores: int | None = Field(default=None, ge=1, le=64)
    """Of each replica."""
    replicas: Replicas | None = None
    """How many."""


class Packs(_Frozen):
    """Which shards share a searcher, and how many."""

    below: Quantity = memory_words(SMALL_SHARD_BYTES)
    """A shard whose files are smaller than this has company; `0` for a searcher per shard. A searcher takes some 190 MB
    before it has loaded anything."""
    memory: Quantity = "1Gi"
    """Most that a searcher of several shards may need."""
    shards: int = Field(default=SMALL_SHARDS_TOGETHER, ge=1, le=64)
    """Most shards of one searcher: what a fault of it costs."""


class Wishes(_Frozen):
    """An overlay's `searchers.yaml`."""

    image: Image | None = None
    """The searchers' image, with a tag or digest; none: as `images` of the overlay's kustomization says."""
    replicas: Replicas = Replicas()
    """Of each searcher."""
    memory: Quantity | None = None
    """Of each searcher; none: what its shards need."""
    cores: int | None = Field(default=None, ge=1, le=64)
    """Of each searcher; none: by the number of its images."""
    packs: Packs = Packs()
    """Which shards share a searcher."""
    baseline: bool = True
    """Whether the index over the whole gallery is served, too, as the policy BASELINE needs it; it takes as much memory
    as all other shards together."""
    shards: Mapping[str, ShardWishes] = {}
    """Exceptions, by slug; a shard with one has a searcher of its own."""

    def of(self, slug: str | None) -> ShardWishes:
        """Return what is asked of a searcher: of the one of that shard, or of one for several shards."""
        own = ShardWishes() if slug is None else self.shards.get(slug, ShardWishes())
        return ShardWishes(
            memory=own.memory or self.memory, cores=own.cores or self.cores, replicas=own.replicas or self.replicas
        )

    def check_slugs(self, slugs: Collection[str]) -> None:
        """Check that every exception is about a shard that there is.

        Raises:
            SettingsInvalid: it is not; names it.
        """
        for slug in self.shards:
            if slug not in slugs:
                hint = meant(slug, slugs) or "take it out of the file"
                raise SettingsInvalid(f"{FILE}: shards: the snapshot has no shard {slug!r}; {hint}", field="shards")


def read_wishes(folder: Path) -> Wishes:
    """Read an overlay's file; without one, everything is by default.

    Raises:
        SettingsInvalid: it can't be read, or something in it can't be; names the file and the field.
    """
    path = folder / FILE
    try:
        return checked(Wishes, read_document(path) or {}, str(path))
    except FileNotFoundError:
        return Wishes()
