"""How the models are made; the defaults are those of the committed models. Needs no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EmbedderRecipe:
    """How the embedder is made; chosen on validation photos, see the model card."""

    side: int = 224
    dimension: int = 256
    whitening: float = 0.5
    pictures_per_table: int = 1200
    """Enough to estimate 256 components; taken from each dataset's catalogue and from its training photos."""
    seed: int = 20


@dataclass(frozen=True)
class ClassifierRecipe:
    """How the classifier is trained (2 to 3 minutes an epoch on two cores)."""

    side: int = 144
    """Input pixels; at 144 a photo costs at most half of what the embedder's 224 cost."""
    epochs: int = 7
    photos_per_epoch: int = 4500
    batch: int = 50
    learning_rate: float = 4e-4
    """Peak of the schedule: a linear rise over the first epoch, then half a cosine to zero."""
    head_factor: float = 5.0
    """The new head starts from nothing and learns this much faster."""
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    dropout: float = 0.2
    averaging: float = 0.99
    """Decay per step of the moving average of the weights, which is what is validated and kept."""
    frozen_blocks: int = 5
    """Edges and colours need no fine-tuning, and the first blocks cost much of the time."""
    seed: int = 20
