"""What is known about one fit: everything that its model cards and `aisle fit` say. Kept as `fit.json`."""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from services.training.adapting import Candidate
from services.training.fitted import EpochReport
from services.training.head import NewProducts
from services.training.measurements import Parity
from services.training.retrieval import Figures

SCHEMA_VERSION: Final = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Counts(_Frozen):
    """What there was to learn from and to be judged by."""

    train_photos: int
    val_photos: int
    gallery_pictures: int
    categories: int
    products: int
    """Of the catalogue."""
    unreadable: int
    """Photos and pictures that were left out."""


class Quantised(_Frozen):
    """What int8 costs on validation photos: the figure of the float32 file and of the int8 file that is served."""

    figure: str
    """Its name, `accuracy` or `recall@1`; the latter is not known where no photo names its product."""
    float32: float | None
    int8: float | None


class ClassifierFacts(_Frozen):
    """The classifier that is served."""

    version: str
    side: int
    """Height and width of its input, pixels."""
    parity: Parity
    """The float32 file against the code that fitted it."""
    temperature: float
    calibration_error_before: float
    """Expected calibration error on validation photos (15 bins), at temperature 1."""
    calibration_error: float
    """The same at the fitted temperature."""
    accuracy: float
    """Share of the validation photos whose likeliest category is right."""
    new_products: NewProducts | None
    """A head's accuracy on products it was not fitted to, whichever way was taken; None where none are known."""
    quantised: Quantised | None = None
    cpu_ms: float
    """CPU time of a photo on one thread, milliseconds."""


class EmbedderFacts(_Frozen):
    """The embedder that is served."""

    version: str
    side: int
    dimension: int
    base_version: str
    """The embedder that the fit started from; the same as `version` when that one is kept."""
    why: str
    """Why it is this one, in a sentence."""
    before: Figures | None
    """What validation photos find with the base."""
    chosen: Candidate | None = None
    """The adaptation, with what validation photos find of products that it was fitted to, and of those left out."""
    candidates: tuple[Candidate, ...] = ()
    """All that was tried."""
    parity: Parity | None = None
    quantised: Quantised | None = None
    cpu_ms: float


class Retrieval(_Frozen):
    """What validation photos find with the served embedder."""

    photos: int
    everywhere: Figures
    """In one index over the whole gallery."""
    in_category: Figures
    """In the right category alone, as with a classifier that is always right."""
    break_even: float | None
    """Classifier accuracy from which searching only the likeliest category pays; None where nothing is found."""


class FitRecord(_Frozen):
    """One fit."""

    schema_version: Literal[1] = SCHEMA_VERSION
    way: str
    dataset: str
    command: str
    machine: str
    seconds: float
    """Time of the run that finished it; an interrupted one had a head start."""
    recipe: Mapping[str, str]
    counts: Counts
    warnings: tuple[str, ...]
    """What is wrong with the photos or the result, one sentence each."""
    epochs: tuple[EpochReport, ...]
    """Of the run that finished it, like `seconds`."""
    classifier: ClassifierFacts
    embedder: EmbedderFacts
    retrieval: Retrieval | None


def to_json(record: FitRecord) -> str:
    """Return the record as JSON text."""
    return record.model_dump_json(indent=1) + "\n"


def from_json(text: str) -> FitRecord:
    """Read a record.

    Raises:
        ValueError: it is none, or one of another schema.
    """
    return FitRecord.model_validate_json(text)
