"""What every way of fitting takes and gives: photos and pictures in, model files and the course of the fit out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.training.gathering import Pictures
from services.training.measurements import Parity


@dataclass(frozen=True)
class TrainingData:
    """What a fit learns from, and what it is judged by.

    Attributes:
        train: shoppers' photos to learn from; a product may be unknown (empty).
        val: shoppers' photos that decide when to stop; nothing is learnt from them.
        gallery: the catalogue's pictures.
        categories: the classifier's labels, in the order of its output.
    """

    train: Pictures
    val: Pictures
    gallery: Pictures
    categories: Sequence[str]


@dataclass(frozen=True)
class EpochReport:
    """How far a fit is.

    Attributes:
        epoch: passes done, from 1.
        epochs: passes planned.
        loss: mean training loss of the pass, nats.
        accuracy: share of the validation photos whose likeliest category is right.
        recall_at_1: share of those of learnt products whose nearest picture, of those products, shows the right one;
            None where there are none.
        is_best: whether this is the best state so far.
        seconds: how long the pass took.
        is_repeated: whether an interrupted run did it, and it is only told again.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    recall_at_1: float | None
    is_best: bool
    seconds: float
    is_repeated: bool = False


@dataclass(frozen=True)
class FittedModel:
    """One fitted network as a file.

    Attributes:
        file: ONNX, `pixels` uint8 [N, side, side, 3] to float32 [N, D]: logits, or embeddings of length 1.
        side: the input's height and width, pixels.
        parity: how far the file's answers are from those of the code that fitted it.
    """

    file: Path
    side: int
    parity: Parity


@dataclass(frozen=True)
class Fitted:
    """What a fit made; `embedder` is None when the fit leaves the embedder as it is."""

    classifier: FittedModel
    embedder: FittedModel | None


Report = Callable[[EpochReport], None]
