"""Fine-tuning on shoppers' photos: seeded, resumable, keeping the state that does best on validation photos."""

import time
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from services.common.errors import FailedPrecondition
from services.training.batches import Shown, batches, steps_per_epoch
from services.training.export import check_parity, export
from services.training.fitted import EpochReport, Fitted, FittedModel, Report, TrainingData
from services.training.frozen_part import FrozenPart
from services.training.judging import Judge
from services.training.measurements import PARITY_PHOTOS
from services.training.network import Network, Whole
from services.training.photos import Pixels
from services.training.recipes import FineTuneRecipe


def fine_tune(
    data: TrainingData, recipe: FineTuneRecipe, *, learn_products: bool, folder: Path, report: Report
) -> Fitted:
    """Train the network, or go on where an interrupted run of the same recipe stopped, and write its two models.

    Every epoch's chance depends on seed, run and epoch only, so a run that was interrupted repeats an unbroken one.
    Uses an accelerator when torch finds one.

    Args:
        data: photos to learn from and to be judged by.
        recipe: how to train.
        learn_products: whether to learn the embedder, too. Products count where both a photo and a gallery picture
            show them; where none does, only the classifier is learned all the same.
        folder: where checkpoints and the finished files lie; of this very data and recipe.
        report: told about every epoch.

    Raises:
        FailedPrecondition: the folder's checkpoint is of another recipe.
        ModelOutputInvalid: an exported file does not say what the network says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shown = Shown.of(data, recipe, learn_products=learn_products)
    network = _train(shown, recipe, folder, report).cpu()
    sample = shown.val.pixels[:PARITY_PHOTOS]
    embedder = None
    if shown.category_of_product:
        embedder = _write(Whole(network, 1), sample, "embedding", folder, recipe.side)
    return Fitted(_write(Whole(network, 0), sample, "logits", folder, recipe.side), embedder)


def _train(shown: Shown, recipe: FineTuneRecipe, folder: Path, report: Report) -> Network:
    """Return the mean of the runs' weights, or the best of the runs where that is worse.

    The mean is mostly better than any ("model soup": Wortsman et al., 2022): all runs begin with the same weights, so
    they stay within one valley.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.seed)
    network = Network(shown.categories, shown.category_of_product, recipe).to(device)
    frozen = FrozenPart(network.backbone, recipe.training_side, device)
    judge = Judge(shown, FrozenPart(network.backbone, recipe.side, device))
    judge.place_products(network)
    runs = [
        _run(deepcopy(network), frozen, judge, shown=shown, recipe=recipe, run=run, folder=folder, report=report)
        for run in range(recipe.runs)
    ]
    mean: Network = deepcopy(network)
    mean.load_state_dict({name: sum(run.state_dict()[name] for run in runs) / len(runs) for name in mean.state_dict()})
    scores = [judge(trained).score for trained in runs]
    # The best run is the luckiest of several, too: the mean has to be as good as they are on average.
    return mean if judge(mean).score >= np.mean(scores) else runs[int(np.argmax(scores))]


def _run(
    network: Network,
    frozen: FrozenPart,
    judge: Judge,
    *,
    shown: Shown,
    recipe: FineTuneRecipe,
    run: int,
    folder: Path,
    report: Report,
) -> Network:
    """Train once, with lots of its own, and return the averaged weights of the epoch that was judged best.

    Epochs that an interrupted run has done are reported again, so that every record of a fit is whole.
    """
    lots, checkpoint = replace(recipe, seed=recipe.seed + run), folder / f"run-{run}.pt"
    average, optimiser = deepcopy(network), _optimiser(network, recipe)
    state: dict[str, Any] = {"recipe": asdict(lots), "epoch": 0, "score": -1.0, "best_epoch": 0, "reports": []}
    state["best"] = deepcopy(average.state_dict())
    if checkpoint.is_file():
        state = _read(checkpoint, lots, judge.device)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
    for earlier in state["reports"]:
        report(EpochReport(**earlier, is_repeated=True))
    while state["epoch"] < recipe.epochs and state["epoch"] - state["best_epoch"] < recipe.patience:
        began = time.monotonic()
        loss = _epoch(network, average, optimiser, frozen, shown=shown, recipe=lots, epoch=state["epoch"])
        judged = judge(average)
        is_best = judged.score > state["score"]
        state |= {"epoch": state["epoch"] + 1, "network": network.state_dict(), "average": average.state_dict()}
        state["optimiser"] = optimiser.state_dict()
        if is_best:
            state |= {"score": judged.score, "best": deepcopy(average.state_dict()), "best_epoch": state["epoch"]}
        done, epochs = run * recipe.epochs + state["epoch"], recipe.runs * recipe.epochs
        told = EpochReport(
            done, epochs, loss, judged.accuracy, judged.recall_at_1, is_best, seconds=time.monotonic() - began
        )
        state["reports"].append({name: value for name, value in asdict(told).items() if name != "is_repeated"})
        _save(state, checkpoint)
        report(told)
    average.load_state_dict(state["best"])
    return average


def _optimiser(network: Network, recipe: FineTuneRecipe) -> torch.optim.Optimizer:
    backbone = [weight for weight in network.backbone.parameters() if weight.requires_grad]
    fresh = [*network.head.parameters(), *network.projection.parameters()]
    groups = [
        {"params": backbone, "factor": 1.0},
        {"params": fresh, "factor": recipe.head_factor},
        {"params": [network.places, network.log_sharpness], "factor": 2 * recipe.head_factor, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)


def _epoch(
    network: Network,
    average: Network,
    optimiser: torch.optim.Optimizer,
    frozen: FrozenPart,
    *,
    shown: Shown,
    recipe: FineTuneRecipe,
    epoch: int,
) -> float:
    """Run one epoch and return its mean loss."""
    torch.manual_seed(recipe.seed + epoch)  # for dropout, so that a resumed run repeats an unbroken one
    device = network.places.device
    network.train()
    losses = []
    steps = steps_per_epoch(shown, recipe)
    for step, batch in enumerate(batches(shown, recipe, epoch)):
        rate = recipe.learning_rate * schedule(epoch + step / steps, recipe.epochs)
        for group in optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        categories, products = (torch.from_numpy(labels).to(device) for labels in (batch.categories, batch.products))
        loss = network.loss(frozen(batch.pixels), categories, products, recipe.label_smoothing)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        done = epoch * steps + step
        decay = min(recipe.averaging, (1 + done) / (10 + done))  # the first steps are soon forgotten
        _average(average, network, decay)
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def schedule(epoch: float, epochs: int) -> float:
    """Return the share of the peak learning rate at a point of the run, in epochs from its start."""
    warm = min(epoch, 1.0)
    return float(warm * (1 + np.cos(np.pi * max(epoch - 1, 0) / max(epochs - 1, 1))) / 2)


@torch.no_grad()  # type: ignore[untyped-decorator]
def _average(average: Network, network: Network, decay: float) -> None:
    for kept, current in zip(average.parameters(), network.parameters(), strict=True):
        if current.requires_grad:
            kept.lerp_(current, 1 - decay)


def _read(checkpoint: Path, recipe: FineTuneRecipe, device: torch.device) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(checkpoint, weights_only=True, map_location=device)
    if state.get("recipe") != asdict(recipe):
        # Going on would make a model that no recipe, and no card, describes.
        raise FailedPrecondition(f"{checkpoint} was made by another recipe; remove it to train anew")
    return state


def _save(state: dict[str, Any], checkpoint: Path) -> None:
    part = checkpoint.with_suffix(".part")
    torch.save(state, part)
    part.replace(checkpoint)


def _write(module: nn.Module, sample: Pixels, output: str, folder: Path, side: int) -> FittedModel:
    file = folder / f"{output}.onnx"
    export(module.eval(), side, output, file)
    # Weights are stored in half precision; logits are of the order of 10.
    parity = check_parity(module, file, sample, least_cosine=0.9999, largest_difference=0.2)
    return FittedModel(file, side, parity)
