"""The whole report. Pure."""

from typing import Literal

from services.evaluation.schema.base import SCHEMA_VERSION, Frozen
from services.evaluation.schema.cascade import BreakEven, Oracle, PriceOfSafety
from services.evaluation.schema.cases import Case, Kind
from services.evaluation.schema.categories import CategoryReport, Confusion, ConfusionMatrix
from services.evaluation.schema.policies import Gain, Histogram, PolicyReport
from services.evaluation.schema.setting import Machine, Method, Model, Notice
from services.evaluation.schema.trust import Reliability


class Report(Frozen):
    """A whole evaluation."""

    schema_version: Literal[2] = SCHEMA_VERSION
    """Version of this format."""
    created_at: str
    """When it ended, ISO 8601, UTC."""
    duration_seconds: float
    """Time from the first photo to the last answer."""
    command: str
    """What was typed."""
    machine: Machine
    dataset: str
    """Its name."""
    snapshot_id: str
    """The snapshot that was searched."""
    space_id: str
    """The space of its vectors."""
    embedder: str
    """The embedder's version; `models` has its digest."""
    models: dict[str, Model]
    gallery_images: int
    """Images in the snapshot."""
    products: int
    """Products in the snapshot."""
    categories: int
    """Categories in the snapshot."""
    queries: int
    """Photos sent under each policy."""
    queries_with_product: int
    """Those that product metrics are taken over."""
    queries_not_in_gallery: int
    """Those of them with no product in the catalogue; they count, and nothing can find them."""
    method: Method
    classifier_top1_accuracy: float | None
    """Share of the photos judged by the classifier whose likeliest category is right."""
    classifier_judged: int
    """Photos judged by the classifier."""
    policies: dict[str, PolicyReport]
    """By policy name, the baseline first."""
    gain: dict[str, Gain]
    """By policy name, all but the baseline; empty without it."""
    oracle: Oracle | None
    """What a perfect classifier would reach; None when no photo is labelled with a product."""
    break_even: BreakEven | None
    """Whether TOP_1 pays; None when a figure that it needs is not known, or the baseline found nothing at all."""
    classifier_reliability: Reliability | None
    """The classifier's confidence against its accuracy; None when it judged no photo."""
    is_adaptive_fitted: bool
    """Whether the snapshot has learned how to use the classifier that served; where not, ADAPTIVE is ALL."""
    price_of_safety: PriceOfSafety | None
    """None when it was left out, or no photo is labelled with a product."""
    notices: list[Notice]
    """Warnings, the gravest first."""
    headline: str | None
    """The cascade that stands for all in `cases`: the gateway's default when it was measured."""
    by_category: list[CategoryReport]
    """The category with most photos first."""
    confusions: list[Confusion]
    """The most frequent ones."""
    confusion_matrix: ConfusionMatrix | None
    """None when the classifier made no mistake."""
    latency_histogram: Histogram | None
    case_counts: dict[Kind, int]
    """Photos by what the cascade made of them, compared with the baseline; empty without either."""
    cases: list[Case]
    """A few of each kind, drawn by lot and spread over the categories."""
    worst: list[Case]
    """Where the headline cascade was surest of a wrong best hit, the surest first."""

    def to_json(self) -> str:
        """Return the report as JSON text that a person can read."""
        return self.model_dump_json(indent=2) + "\n"
