"""The figures of single categories, and which ones the classifier confuses. Pure."""

from services.evaluation.schema.base import Frozen


class CategoryReport(Frozen):
    """The photos of one category."""

    category: str
    queries: int
    classifier_top1_accuracy: float | None
    """None when the classifier judged none of them."""
    recall_at_1: dict[str, float | None]
    """By policy; None when none of the photos has a product."""
    not_routed: dict[str, float | None]
    """By policy, share of its photos with a product for which its shard was not searched; None without such photos."""


class Confusion(Frozen):
    """Photos of one category that the classifier took for another."""

    category: str
    predicted: str
    queries: int


class ConfusionMatrix(Frozen):
    """The categories with most mistakes among each other, by what the classifier took their photos for."""

    categories: list[str]
    """Rows and columns, the one with most mistakes first."""
    counts: list[list[int]]
    """Photos: a row per right category, a column per likeliest one."""
    elsewhere: list[int]
    """For each row, photos taken for a category that is not shown."""
