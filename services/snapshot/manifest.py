"""The manifest of a snapshot: what is in it, and the digest of every file. Pure: no file is opened here."""

import json
import re
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from services.common.errors import SnapshotInvalid
from services.relevance.scoring import UNFITTED, PriorFusion, SimilarityMap
from services.relevance.waves import Waves
from services.snapshot.index_rules import DEFAULT_RULES, IndexRules

SCHEMA_VERSION: Final = 3
BASELINE_SLUG = "_all"
_SLUG: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class FileEntry(_Frozen):
    """One file of a snapshot."""

    path: str
    """POSIX path below the folder of the snapshot that wrote it."""
    origin: str = ""
    """The earlier snapshot that wrote it, which shares it with this one; empty: this one."""
    size_bytes: int = Field(ge=0)
    """Its exact size."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Its digest, hexadecimal."""

    def written_by(self, snapshot_id: str) -> "FileEntry":
        """Return the entry as a later snapshot of that one has it."""
        return self if self.origin else self.model_copy(update={"origin": snapshot_id})


class IndexEntry(_Frozen):
    """A FAISS index and how it is to be asked."""

    file: FileEntry
    """Vector i belongs to row i of the item table."""
    factory: str
    """FAISS's index factory string."""
    parameters: dict[str, PositiveInt] = {}
    """FAISS's search parameters, found at building time: `nprobe` or `efSearch`; empty when the index has neither."""
    first_fetch: int = Field(ge=1)
    """Images to ask for first when ten products are wanted."""
    recall_at_10: float = Field(ge=0, le=1)
    """Share of the ten best products that it finds so: when it was built, pictures of it were asked for all products
    but their own."""


class Segment(_Frozen):
    """A part of a shard that was indexed together."""

    images: int = Field(ge=1)
    """Gallery images in it, and vectors in its index, those withdrawn since included."""
    index: IndexEntry
    """Their vectors."""
    items: FileEntry
    """The item table (Arrow): image_id, product_id, category, image_path and the catalogue's free attributes."""
    golden: FileEntry
    """Golden queries (Parquet): query_vector, image_id and similarity of its nearest image, withdrawn or not."""
    withdrawn: FileEntry | None = None
    """Rows that are not found any more: a bitmap, bit i for row i, the lowest bit of each byte first; None for none."""
    withdrawn_images: int = Field(default=0, ge=0)
    """How many they are."""

    @model_validator(mode="after")
    def _check_withdrawn(self) -> "Segment":
        if self.withdrawn_images >= self.images or (self.withdrawn is None) != (self.withdrawn_images == 0):
            raise ValueError(
                f"{self.withdrawn_images} of {self.images} images are withdrawn: some must be left, and the bitmap is "
                "there if and only if some are withdrawn"
            )
        return self

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Every file of it."""
        files = (self.index.file, self.items, self.golden)
        return files if self.withdrawn is None else (*files, self.withdrawn)


class ShardEntry(_Frozen):
    """One shard: all gallery images of one TLC, or of the whole gallery (the baseline index)."""

    slug: str
    """Folder name and DNS-safe name, unique in the snapshot; `BASELINE_SLUG` for the baseline index."""
    category: str
    """The TLC as the catalogue spells it, unique in the snapshot; empty for the baseline index."""
    baseline: bool = False
    """Whether this is the one index over the whole gallery."""
    images: int = Field(ge=1)
    """Gallery images that can be found in all segments."""
    products: int = Field(ge=1)
    """Distinct products among them."""
    similarity_map: SimilarityMap = UNFITTED
    """From similarity to the log-odds that a hit is the product in the photo; fitted when `relevance` is there."""
    segments: tuple[Segment, ...] = Field(min_length=1)
    """Its parts, oldest first."""

    @model_validator(mode="after")
    def _check(self) -> "ShardEntry":
        if not (self.slug == BASELINE_SLUG or _SLUG.fullmatch(self.slug)):
            raise ValueError(
                f"the shard of category {self.category!r} is called {self.slug!r}, which can be neither a folder nor "
                "part of a DNS name: a-z, 0-9 and inner hyphens, 50 characters at most; index the catalogue again with "
                "this release, which makes such names"
            )
        if not self.baseline == (self.slug == BASELINE_SLUG) == (not self.category):
            raise ValueError(
                f"shard {self.slug!r} of category {self.category!r}: the baseline index, and nothing else, "
                f"has baseline = true, the slug {BASELINE_SLUG!r} and an empty category"
            )
        if self.images != sum(segment.images - segment.withdrawn_images for segment in self.segments):
            raise ValueError(f"shard {self.slug!r}: its images are not those of its segments")
        return self

    @property
    def index_factory(self) -> str:
        """The factory string of each segment's index, for people."""
        return " + ".join(segment.index.factory for segment in self.segments)


AttributeType = Literal["string", "integer", "float"]


class EmbedderEntry(_Frozen):
    """The embedder that made the vectors."""

    name: str
    """Model name in Triton."""
    version: str
    """The version's human name."""
    sha256: str
    """Digest of the model file."""
    preprocessing: str
    """Name of the way in which a photo becomes the model's pixels."""


class FusionEntry(_Frozen):
    """How ADAPTIVE uses one classifier; with another one it means nothing."""

    classifier_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Digest of the classifier's file."""
    weights: PriorFusion
    """How its prior counts beside the similarity."""
    waves: Waves
    """How many shards are searched."""
    match_threshold: float = Field(ge=0, le=1)
    """Probability of the best fused hit below which the gallery hardly has the product."""


class Relevance(_Frozen):
    """What held-out photos taught about scores, when the snapshot was built."""

    photos: int = Field(ge=1)
    """Photos of products in the gallery that it was fitted to."""
    match_threshold: float = Field(ge=0, le=1)
    """As in `fusion`, for hits ranked by similarity alone."""
    fusion: FusionEntry
    """For the classifier that served when the snapshot was built."""


class Manifest(_Frozen):
    """A whole snapshot."""

    schema_version: Literal[3] = SCHEMA_VERSION
    """Version of this format; a reader refuses what it does not know."""
    snapshot_id: str
    """Sorts by time of building."""
    created_at: str
    """When it was built, ISO 8601, UTC."""
    space_id: str
    """Digest of embedder file, preprocessing, dimension and metric: vectors of different spaces never meet."""
    dimension: int = Field(ge=1)
    """Length of the vectors."""
    metric: Literal["inner_product"]
    """How vectors are compared; they are of unit length, so this is the cosine."""
    embedder: EmbedderEntry
    """What made the vectors."""
    dataset: str
    """The catalogue's name, for people."""
    image_root: str
    """Where the catalogue's pictures lay when it was indexed, for tools that show them; empty when unknown."""
    skipped_images: int = Field(ge=0)
    """Pictures of the catalogue that could not be read and are not in it."""
    relevance: Relevance | None = None
    """What scores are worth; None when no photos were held out, or too few: scores then only rank."""
    attributes: dict[str, AttributeType] = {}
    """The catalogue's free attributes and their types: what filters may ask about."""
    index_rules: IndexRules = DEFAULT_RULES
    """What its indexes are to be like; changes of it keep to that."""
    parent: str = ""
    """The snapshot that this one is a change of; empty when it was built from a whole catalogue."""
    shards: tuple[ShardEntry, ...] = Field(min_length=1)
    """One entry per TLC by slug, then the baseline index when it was built."""

    @model_validator(mode="after")
    def _check_shards(self) -> "Manifest":
        for name in ("slug", "category"):
            owners: dict[str, ShardEntry] = {}
            for shard in self.shards:
                owner = owners.setdefault(getattr(shard, name), shard)
                if owner is not shard:
                    raise ValueError(
                        f"two shards have the same {name}, {getattr(shard, name)!r}: those of categories "
                        f"{owner.category!r} and {shard.category!r}; rename one in the catalogue and index it again"
                    )
        if not self.category_shards:
            raise ValueError("no shard holds a category")
        return self

    @property
    def category_shards(self) -> tuple[ShardEntry, ...]:
        """The shards that hold one TLC each."""
        return tuple(shard for shard in self.shards if not shard.baseline)

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Every file of it but the manifest itself."""
        return tuple(file for shard in self.shards for segment in shard.segments for file in segment.files)

    @property
    def baseline_shard(self) -> ShardEntry | None:
        """The one index over the whole gallery; None when it was not built."""
        return next((shard for shard in self.shards if shard.baseline), None)

    def shard(self, slug: str) -> ShardEntry | None:
        """Return the shard of that slug, or None."""
        return next((shard for shard in self.shards if shard.slug == slug), None)

    def to_json(self) -> str:
        """Return the manifest as JSON text that a person can read."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, source: str) -> "Manifest":
        """Parse and check a manifest.

        Args:
            text: its JSON.
            source: where it was read from, for the error.

        Raises:
            SnapshotInvalid: not JSON, of another schema version, or a field that does not fit; names `source`.
        """
        try:
            version = json.loads(text).get("schema_version")
        except (ValueError, AttributeError, RecursionError):
            raise SnapshotInvalid(f"{source}: not a manifest in JSON") from None
        if version != SCHEMA_VERSION:
            raise SnapshotInvalid(
                f"{source}: schema version {version!r}, but this release reads version {SCHEMA_VERSION}"
            )
        try:
            return cls.model_validate_json(text)
        except ValidationError as invalid:
            first = invalid.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise SnapshotInvalid(f"{source}: {where}: {first['msg']}") from None
