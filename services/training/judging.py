"""How good a network is on validation photos, while it is trained."""

from dataclasses import dataclass

import torch

from services.training.batches import Shown
from services.training.frozen_part import FrozenPart
from services.training.network import Network
from services.training.photos import NO_PRODUCT
from services.training.retrieval import product_ranks


@dataclass(frozen=True)
class Judgement:
    """What validation photos say.

    Attributes:
        accuracy: share of them whose likeliest category is right.
        recall_at_1: share of them whose nearest gallery picture shows the product; None where no product is known.
    """

    accuracy: float
    recall_at_1: float | None

    @property
    def score(self) -> float:
        """What the best state has most of."""
        return self.accuracy + (self.recall_at_1 or 0.0)


class Judge:
    """Validation photos and gallery pictures; the frozen part has seen them once and for all."""

    def __init__(self, shown: Shown, frozen: FrozenPart) -> None:
        self.device = frozen.device
        self._shown = shown
        self._photos = frozen.batches(shown.val.pixels)
        self._gallery = frozen.batches(shown.val_gallery.pixels)
        self._gallery_of = shown.val_gallery.products

    def place_products(self, network: Network) -> None:
        """Put each product where its gallery pictures are: there the search will look for it."""
        if not self._shown.category_of_product:
            return
        _, embeddings = network.answers(self._gallery)
        with torch.no_grad():
            for product in range(len(self._shown.category_of_product)):
                mine = embeddings[self._gallery_of == product]
                network.places[product] = torch.from_numpy(mine.mean(axis=0))

    def __call__(self, network: Network) -> Judgement:
        """Ask the network about every photo, and search the gallery pictures for it."""
        logits, embeddings = network.answers(self._photos)
        accuracy = float((logits.argmax(axis=1) == self._shown.val.categories).mean())
        known = self._shown.val.products != NO_PRODUCT
        if not known.any():
            return Judgement(accuracy, None)
        _, pictures = network.answers(self._gallery)
        wanted, shown = (list(map(str, products)) for products in (self._shown.val.products[known], self._gallery_of))
        found = product_ranks(embeddings[known], wanted, pictures, shown) == 0
        return Judgement(accuracy, float(found.mean()))
