"""How the models are made; the defaults are those that every figure in the cards stands on. Needs no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EmbedderRecipe:
    """How the frozen embedder is made; chosen on validation photos, see the model card."""

    side: int = 224
    dimension: int = 256
    whitening: float = 0.5
    pictures_per_table: int = 1200
    """Enough to estimate 256 components; taken from each dataset's catalogue and from its training photos."""
    seed: int = 20


@dataclass(frozen=True)
class FineTuneRecipe:
    """How the network is trained on shoppers' photos; chosen on the Grocery Store dataset's validation photos."""

    side: int = 224
    """Input pixels of the finished models. Crops make things look larger than they will be, so training happens at six
    sevenths of this (Touvron et al., "Fixing the train-test resolution discrepancy", 2019), which is cheaper, too."""
    dimension: int = 256
    """Length of the embeddings."""
    runs: int = 1
    """Networks that are trained from the same start with other lots, whose mean is taken when that is better. A second
    one helps small photo sets most, for twice the time."""
    epochs: int = 14
    photos_per_epoch: int = 6_000
    """Most photos of an epoch; a smaller set is seen once each on average."""
    batch: int = 48
    gallery_share: float = 1 / 6
    """Share of each batch that are gallery pictures, so that both domains are drawn to the same place."""
    learning_rate: float = 4e-4
    """Peak of the schedule: a linear rise over the first epoch, then half a cosine to zero."""
    head_factor: float = 5.0
    """What starts from nothing learns this much faster; the products' places in space twice that."""
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    dropout: float = 0.2
    averaging: float = 0.99
    """Decay per step of the moving average of the weights, which is what is validated and kept."""
    frozen_blocks: int = 5
    """Edges and colours need no fine-tuning, and the first blocks cost much of the time."""
    patience: int = 5
    """Epochs without a better state on validation photos after which training stops."""
    seed: int = 20

    @property
    def training_side(self) -> int:
        """Input pixels in training."""
        return self.side * 6 // 7

    @property
    def stored_side(self) -> int:
        """Pixels at which photos are kept for the augmentation to crop."""
        return self.training_side * 13 // 9
