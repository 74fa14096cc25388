"""The network that is fine-tuned: one backbone that learns categories and products at once.

A photo's category is a softmax over a linear head. Its product is a softmax over the cosines to one learned place per
product (normalised softmax: Zhai and Wu, "Classification is a strong baseline for deep metric learning", 2019); photos
and gallery pictures of a product are drawn to the same place, which closes the gap between the two domains.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from services.training.backbone import FEATURES, Backbone
from services.training.photos import NO_PRODUCT
from services.training.recipes import FineTuneRecipe

_FIRST_SHARPNESS = 15.0


@dataclass(frozen=True)
class Target:
    """What a share of each photo of a batch shows: categories and products, int64 [N]."""

    share: float
    categories: Tensor
    products: Tensor


class Network(nn.Module):  # type: ignore[misc] # torch is untyped where it is not installed
    """The backbone's activations to category logits float32 [N, C] and embeddings float32 [N, D] of length 1."""

    def __init__(self, categories: int, products: int, recipe: FineTuneRecipe) -> None:
        super().__init__()
        self.backbone = Backbone(recipe.side, frozen_blocks=recipe.frozen_blocks)
        self.dropout = nn.Dropout(recipe.dropout)
        self.head = nn.Linear(FEATURES, categories)
        self.projection = nn.Linear(FEATURES, recipe.dimension)
        self.places = nn.Parameter(torch.randn(products, recipe.dimension))
        self.log_sharpness = nn.Parameter(torch.tensor(np.log(_FIRST_SHARPNESS), dtype=torch.float32))

    def forward(self, activations: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and embeddings of what the backbone's frozen part made of the pixels."""
        features = self.dropout(self.backbone.trained_part(activations))
        return self.head(features), functional.normalize(self.projection(features))

    def loss(self, activations: Tensor, targets: Iterable[Target], smoothing: float) -> Tensor:
        """Return the mean loss of a batch whose photos may hold parts of others.

        Args:
            activations: of the frozen part.
            targets: what is on the photos; their shares add up to 1.
            smoothing: of the labels.
        """
        logits, embeddings = self(activations)
        closeness = self.log_sharpness.exp() * embeddings @ functional.normalize(self.places).T
        total = logits.new_zeros(())
        for target in targets:
            loss = functional.cross_entropy(logits, target.categories, label_smoothing=smoothing)
            if bool((target.products != NO_PRODUCT).any()):
                loss = loss + functional.cross_entropy(closeness, target.products, label_smoothing=smoothing)
            total = total + target.share * loss
        return total

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def answers(self, activations: Sequence[Tensor]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits [N, C] and embeddings [N, D] of batches of activations, without learning."""
        self.eval()
        parts = [self(batch) for batch in activations]
        logits, embeddings = (torch.cat([part[place] for part in parts]).cpu().numpy() for place in (0, 1))
        return logits, embeddings


class Whole(nn.Module):  # type: ignore[misc] # torch is untyped where it is not installed
    """Pixels uint8 [N, side, side, 3] to one of the network's answers: what can be exported."""

    def __init__(self, network: Network, answer: int) -> None:
        super().__init__()
        self.network = network
        self.answer = answer

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the logits (`answer` 0) or the embeddings (1)."""
        answers: tuple[Tensor, Tensor] = self.network(self.network.backbone.frozen_part(pixels))
        return answers[self.answer]
