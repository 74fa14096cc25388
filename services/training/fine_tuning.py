"""Fine-tuning of the classifier: the loop, seeded, resumable, keeping the weights that do best on validation photos."""

import tempfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from services.common.errors import FailedPrecondition
from services.training.backbone import FEATURES, Backbone, FrozenPart
from services.training.export import export, open_session
from services.training.photos import Pixels, augment, choose
from services.training.recipes import ClassifierRecipe


@dataclass(frozen=True)
class LabelledPixels:
    """Photos uint8 [N, S, S, 3] RGB with labels int64 [N]."""

    pixels: Pixels
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class EpochReport:
    """What one epoch came to; `accuracy` is the mean over the categories on validation photos."""

    epoch: int
    loss: float
    accuracy: float
    is_best: bool


class Classifier(nn.Module):  # type: ignore[misc] # torch is untyped where it is not installed
    """Pixels uint8 [N, side, side, 3] to logits float32 [N, categories]."""

    def __init__(self, categories: int, recipe: ClassifierRecipe) -> None:
        super().__init__()
        self.backbone = Backbone(recipe.side, frozen_blocks=recipe.frozen_blocks)
        self.dropout = nn.Dropout(recipe.dropout)
        self.head = nn.Linear(FEATURES, categories)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the logits."""
        return self.classify(self.backbone.frozen_part(pixels))

    def classify(self, activations: Tensor) -> Tensor:
        """Return the logits of what the backbone's frozen part made of the pixels."""
        logits: Tensor = self.head(self.dropout(self.backbone.trained_part(activations)))
        return logits


@torch.inference_mode()  # type: ignore[untyped-decorator]
def predict(model: Classifier, activations: NDArray[np.float32], batch: int = 64) -> NDArray[np.float64]:
    """Return the logits of the frozen part's activations, float64 [N, categories]."""
    model.eval()
    starts = range(0, len(activations), batch)
    parts = [model.classify(torch.from_numpy(activations[start : start + batch])) for start in starts]
    return np.asarray(torch.cat(parts).numpy(), np.float64)


class Frozen:
    """The frozen part in ONNX Runtime, which takes a fraction of the time that torch takes on a CPU."""

    def __init__(self, backbone: Backbone, side: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "frozen.onnx")
            export(FrozenPart(backbone), side, "activations", file)
            self._session = open_session(file, threads=torch.get_num_threads())

    def __call__(self, pixels: Pixels, batch: int = 64) -> NDArray[np.float32]:
        """Return the activations of photos uint8 [N, side, side, 3]: float32 [N, C, h, w]."""
        starts = range(0, len(pixels), batch)
        parts = [self._session.run(None, {"pixels": pixels[start : start + batch]})[0] for start in starts]
        return np.concatenate(parts)


def mean_accuracy(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the accuracy averaged over the categories that occur, so that large ones do not drown small ones."""
    right = logits.argmax(axis=1) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def fit(
    train: LabelledPixels,
    val: LabelledPixels,
    categories: int,
    recipe: ClassifierRecipe,
    *,
    checkpoint: Path,
    report: Callable[[EpochReport], None],
) -> Classifier:
    """Train a classifier, or go on where `checkpoint` stopped; every epoch's chance depends on seed and epoch only.

    Args:
        train: photos larger than `recipe.side`, for the augmentation to crop.
        val: photos at `recipe.side`.
        categories: how many labels there are.
        recipe: how to train.
        checkpoint: file that holds the state after each epoch; of the same recipe, photos and categories.
        report: told about every epoch.

    Returns:
        The averaged weights of the epoch with the best mean accuracy on `val`.

    Raises:
        FailedPrecondition: the checkpoint is of another recipe.
    """
    torch.manual_seed(recipe.seed)
    model = Classifier(categories, recipe)
    average = deepcopy(model)
    frozen = Frozen(model.backbone, recipe.side)
    val_activations = frozen(val.pixels)
    optimiser = _optimiser(model, recipe)
    state = {"recipe": asdict(recipe), "epoch": 0, "accuracy": -1.0, "best": average.state_dict()}
    if checkpoint.is_file():
        state = load_checkpoint(checkpoint, recipe)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
    for epoch in range(int(state["epoch"]), recipe.epochs):
        batches = _batches(train, frozen, recipe, epoch)
        loss = _train_epoch(model, average, optimiser, batches, recipe=recipe, epoch=epoch)
        accuracy = mean_accuracy(predict(average, val_activations), val.labels)
        is_best = accuracy > state["accuracy"]
        state |= {"epoch": epoch + 1, "model": model.state_dict(), "average": average.state_dict()}
        state["optimiser"] = optimiser.state_dict()
        if is_best:
            state |= {"accuracy": accuracy, "best": deepcopy(average.state_dict())}
        _save(state, checkpoint)
        report(EpochReport(epoch + 1, loss, accuracy, is_best))
    best = Classifier(categories, recipe)
    best.load_state_dict(state["best"])
    return best


def load_checkpoint(checkpoint: Path, recipe: ClassifierRecipe) -> dict[str, Any]:
    """Return the state to go on from.

    Raises:
        FailedPrecondition: it is of another recipe: going on would make a model that no recipe, and no card, describes.
    """
    state: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    if state.get("recipe") != asdict(recipe):
        raise FailedPrecondition(f"{checkpoint} was made by another recipe; remove it to train anew")
    return state


def _optimiser(model: Classifier, recipe: ClassifierRecipe) -> torch.optim.Optimizer:
    backbone = [weight for weight in model.backbone.parameters() if weight.requires_grad]
    groups = [
        {"params": backbone, "factor": 1.0},
        {"params": list(model.head.parameters()), "factor": recipe.head_factor},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)


def _train_epoch(
    model: Classifier,
    average: Classifier,
    optimiser: torch.optim.Optimizer,
    batches: Iterator[tuple[Tensor, Tensor]],
    *,
    recipe: ClassifierRecipe,
    epoch: int,
) -> float:
    """Run one epoch and return its mean loss."""
    torch.manual_seed(recipe.seed + epoch)  # for dropout, so that a resumed run repeats an unbroken one
    model.train()
    losses = []
    steps = recipe.photos_per_epoch // recipe.batch
    for step, (activations, labels) in enumerate(batches):
        rate = recipe.learning_rate * schedule(epoch + step / steps, recipe.epochs)
        for group in optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        loss = functional.cross_entropy(model.classify(activations), labels, label_smoothing=recipe.label_smoothing)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        _average(average, model, recipe.averaging)
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def schedule(epoch: float, epochs: int) -> float:
    """Return the share of the peak learning rate at a point of the run, in epochs from its start."""
    warm = min(epoch, 1.0)
    return float(warm * (1 + np.cos(np.pi * max(epoch - 1, 0) / max(epochs - 1, 1))) / 2)


def _batches(
    train: LabelledPixels, frozen: Frozen, recipe: ClassifierRecipe, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one epoch's batches: activations of freshly augmented photos, and their labels."""
    rng = np.random.default_rng((recipe.seed, epoch))
    chosen = choose(train.labels, recipe.photos_per_epoch // recipe.batch * recipe.batch, rng)
    for places in chosen.reshape(-1, recipe.batch):
        pixels = np.stack([augment(train.pixels[place], recipe.side, rng) for place in places])
        yield torch.from_numpy(frozen(pixels)), torch.from_numpy(train.labels[places])


@torch.no_grad()  # type: ignore[untyped-decorator]
def _average(average: Classifier, model: Classifier, decay: float) -> None:
    for kept, current in zip(average.parameters(), model.parameters(), strict=True):
        if current.requires_grad:
            kept.lerp_(current, 1 - decay)


def _save(state: dict[str, object], checkpoint: Path) -> None:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    part = checkpoint.with_suffix(".part")
    torch.save(state, part)
    part.replace(checkpoint)
