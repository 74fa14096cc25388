"""Which models may serve a gateway's photos beside those that it began with, and with which it begins. Pure.

A photo's vector must be of the snapshot's space, so the embedder stays what it is. The classifier need not: each photo
is routed as the classifier that saw it says, and what the snapshot has learned about another one is left out.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from services.models.metadata import CLASSIFIER, EMBEDDER, ModelInfo


@dataclass(frozen=True, slots=True)
class ModelPair:
    """What one Triton serves."""

    embedder: ModelInfo
    classifier: ModelInfo


def misfit(model: ModelInfo, served: ModelInfo, categories: Collection[str]) -> str:
    """Return why a model can't take the place of one that serves, for people; empty when it can.

    Args:
        model: an embedder or a classifier, as a Triton describes it.
        served: the one of that name that photos are prepared for.
        categories: those of the snapshot that is served, at least one.
    """
    if model.name == EMBEDDER and model.space != served.space:
        return (
            f"its vectors are of space {model.space.space_id}, not of {served.space.space_id}; index the catalogue "
            "with it, and restart the gateways"
        )
    if _input(model) != _input(served):
        return f"it takes {_input(model)}, not {_input(served)}; restart the gateways once every Triton serves it"
    if model.name == CLASSIFIER and not set(model.labels) & set(categories):
        return f"it knows none of the snapshot's categories, such as {min(categories)!r}; serve this shop's"
    return ""


def beginning_pair(met: Sequence[ModelPair], space_id: str) -> ModelPair:
    """Return the models to begin with: the first whose embedder made the snapshot, or the first of all.

    Args:
        met: what Tritons serve, at least one; they differ while they are replaced one by one.
        space_id: the space of the snapshot's vectors; empty when that can't be told.
    """
    return next((pair for pair in met if pair.embedder.space.space_id == space_id), met[0])


def _input(model: ModelInfo) -> str:
    return f"{model.preprocessing} of {model.input_height} x {model.input_width} pixels"
