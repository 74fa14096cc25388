"""The network that is fine-tuned: one backbone that learns categories and products at once.

A photo's product is a softmax over the cosines to one learned place per product (normalised softmax: Zhai and Wu,
"Classification is a strong baseline for deep metric learning", 2019); photos and gallery pictures of a product are
drawn to the same place, which closes the gap between the two domains. A photo's category is told by two experts, each
trained for itself: a linear head, and the products, whose probabilities add up to that of their category. The answer is
the product of both (Hinton, "Products of experts", 1999).
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from services.training.backbone import FEATURES, Backbone
from services.training.photos import NO_PRODUCT
from services.training.recipes import FineTuneRecipe

_FIRST_SHARPNESS = 15.0
_LEAST_SHARE = 1e-30  # of a category among the products, so that its logarithm exists


class Network(nn.Module):  # type: ignore[misc] # torch is untyped where it is not installed
    """The backbone's activations to category logits float32 [N, C] and embeddings float32 [N, D] of length 1."""

    def __init__(self, categories: int, category_of_product: Sequence[int], recipe: FineTuneRecipe) -> None:
        super().__init__()
        self.backbone = Backbone(recipe.side, frozen_blocks=recipe.frozen_blocks)
        self.dropout = nn.Dropout(recipe.dropout)
        self.head = nn.Linear(FEATURES, categories)
        self.projection = nn.Linear(FEATURES, recipe.dimension)
        self.places = nn.Parameter(torch.randn(len(category_of_product), recipe.dimension))
        self.log_sharpness = nn.Parameter(torch.tensor(np.log(_FIRST_SHARPNESS), dtype=torch.float32))
        members = torch.zeros(len(category_of_product), categories)
        for product, category in enumerate(category_of_product):
            members[product, category] = 1
        self.register_buffer("members", members)

    def forward(self, activations: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and embeddings of what the backbone's frozen part made of the pixels."""
        linear, embeddings, closeness = self._experts(activations)
        return both_experts(linear, closeness, self.members), embeddings

    def loss(self, activations: Tensor, categories: Tensor, products: Tensor, smoothing: float) -> Tensor:
        """Return the mean loss of a batch, of the two experts added up.

        Args:
            activations: of the frozen part.
            categories: what is on the photos, int64 [N].
            products: the same, `NO_PRODUCT` where unknown.
            smoothing: of the labels.
        """
        linear, _, closeness = self._experts(activations)
        loss = functional.cross_entropy(linear, categories, label_smoothing=smoothing)
        if bool((products != NO_PRODUCT).any()):
            loss = loss + functional.cross_entropy(closeness, products, label_smoothing=smoothing)
        return loss

    def _experts(self, activations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the head's logits [N, C], the embeddings [N, D], and their closeness to the products [N, P]."""
        features = self.dropout(self.backbone.trained_part(activations))
        embeddings = functional.normalize(self.projection(features))
        closeness = self.log_sharpness.exp() * embeddings @ functional.normalize(self.places).T
        return self.head(features), embeddings, closeness

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def answers(self, activations: Sequence[Tensor]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits [N, C] and embeddings [N, D] of batches of activations, without learning."""
        self.eval()
        parts = [self(batch) for batch in activations]
        logits, embeddings = (torch.cat([part[place] for part in parts]).cpu().numpy() for place in (0, 1))
        return logits, embeddings


def both_experts(linear: Tensor, closeness: Tensor, members: Tensor) -> Tensor:
    """Return the categories' logits float32 [N, C] of head and products together.

    Products tell apart the categories that have some. Whether the photo shows one of those is for the head to say: the
    share of the others stays as the head has it.

    Args:
        linear: the head's logits, float32 [N, C].
        closeness: the products' logits, float32 [N, P].
        members: 1 where the product is of the category, else 0, float32 [P, C].
    """
    has_products = members.any(dim=0)
    if not bool(has_products.any()):
        return linear
    shares = functional.softmax(closeness, dim=1) @ members
    both = linear + torch.log(shares.clamp_min(_LEAST_SHARE))
    if bool(has_products.all()):
        return both
    grown = both[:, has_products].logsumexp(dim=1) - linear[:, has_products].logsumexp(dim=1)
    return torch.where(has_products, both, linear + grown[:, None])


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
