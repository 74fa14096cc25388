"""What the classifier thought of each photo: its accuracy, its confusions, its confidence. Pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from services.evaluation.observation import Query
from services.evaluation.quality import ByPolicy
from services.evaluation.schema import Confusion, ConfusionMatrix

_PAIRS = 10
_MATRIX_SIDE = 12  # more names than that can't be read side by side


@dataclass(frozen=True, slots=True)
class Prediction:
    """A photo that the classifier judged, its likeliest category, and how likely."""

    query: Query
    category: str
    confidence: float

    @property
    def is_right(self) -> bool:
        """Whether the photo is of that category."""
        return self.category in self.query.categories


def predictions(queries: Sequence[Query], by_policy: ByPolicy) -> list[Prediction]:
    """Return what the classifier thought of each photo that it judged.

    It sees the same pixels under every policy, so the first policy that asked it stands for all.
    """
    predicted: dict[int, tuple[str, float]] = {}
    for observations in by_policy.values():
        for each in observations:
            if each.predicted:
                predicted.setdefault(each.query, each.predicted)
    return [Prediction(queries[number], *likeliest) for number, likeliest in sorted(predicted.items())]


def accuracy(judged: Sequence[Prediction]) -> float | None:
    """Return the share of photos whose likeliest category is right; None without any."""
    return fmean(each.is_right for each in judged) if judged else None


def confusions(judged: Sequence[Prediction]) -> list[Confusion]:
    """Return the most frequent mistakes of the classifier."""
    wrong = Counter((each.query.categories[0], each.category) for each in judged if not each.is_right)
    return [
        Confusion(category=category, predicted=taken_for, queries=count)
        for (category, taken_for), count in wrong.most_common(_PAIRS)
    ]


def confusion_matrix(judged: Sequence[Prediction]) -> ConfusionMatrix | None:
    """Return the categories that take part in most mistakes, each by what its photos were taken for."""
    mistakes: Counter[str] = Counter()
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for each in judged:
        right = each.query.categories[0]
        rows[right][right if each.is_right else each.category] += 1
        if not each.is_right:
            mistakes.update((right, each.category))
    if not mistakes:
        return None
    shown = [category for category, _ in mistakes.most_common(_MATRIX_SIDE)]
    counts = [[rows[row][column] for column in shown] for row in shown]
    elsewhere = [rows[row].total() - sum(cells) for row, cells in zip(shown, counts, strict=True)]
    return ConfusionMatrix(categories=shown, counts=counts, elsewhere=elsewhere)
