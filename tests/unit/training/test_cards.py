"""The committed cards are what the script writes, not what somebody wrote into them."""

from pathlib import Path

import pytest

from services.training.cards import classifier_card, embedder_card
from services.training.measurements import Parity
from services.training.recipes import ClassifierRecipe, EmbedderRecipe

REPOSITORY = Path(__file__).parents[3] / "model_repository"
PARITY = Parity(least_cosine=1.0, largest_difference=0.0)
CARDS = {
    "embedder": embedder_card(EmbedderRecipe(), [], PARITY, cpu_ms=1.0, command="", machine=""),
    "classifier": classifier_card(
        ClassifierRecipe(),
        [],
        PARITY,
        categories=53,
        calibration=(1.0, 0.0, 0.0),
        cpu_ms=(1.0, 2.0),
        command="",
        machine="",
    ),
}


def _sections(card: str) -> dict[str, str]:
    """Return the text of each section by its heading."""
    heads_and_texts = (section.partition("\n") for section in card.split("\n## ")[1:])
    return {head: text.strip() for head, _, text in heads_and_texts}


@pytest.mark.parametrize("section", ["Data and licence", "Intended use and limits"])
@pytest.mark.parametrize("model", ["embedder", "classifier"])
def test_a_card_tells_how_its_model_was_made_in_the_script_s_words(model: str, section: str) -> None:
    """Where no figure is measured, recipe and card agree word for word."""
    committed = (REPOSITORY / model / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert _sections(committed)[section] == _sections(CARDS[model])[section]
