"""What an operator should hear when a classifier and a snapshot meet."""

from services.common.telemetry import get_logger
from services.gateway.answering.catalog import Catalog

_log = get_logger()


def remark_on(catalog: Catalog) -> None:
    """Log what the classifier can't do for this snapshot, and what to do about it."""
    classifier = catalog.classifier.version
    if catalog.fusion is None:
        _log.warning(
            "adaptive_is_not_fitted",
            classifier=classifier,
            effect="ADAPTIVE searches every shard and ranks by similarity alone",
            remedy="index the catalogue again, with held-out photos, while this classifier serves",
        )
    if catalog.unroutable:
        _log.warning("categories_unknown_to_classifier", classifier=classifier, categories=catalog.unroutable)
