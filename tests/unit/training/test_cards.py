"""The committed cards are what the code writes, not what somebody wrote into them."""

import re
from pathlib import Path

import pytest

from services.training.cards import embedder_card
from services.training.fit_cards import classifier_card
from services.training.measurements import Parity
from services.training.recipes import EmbedderRecipe
from services.training.record import from_json
from services.training.repository import RECORD

REPOSITORY = Path(__file__).parents[3] / "model_repository"
EMBEDDER = embedder_card(EmbedderRecipe(), [], Parity(1.0, 0.0), cpu_ms=1.0, command="", machine="")


def _sections(card: str) -> dict[str, str]:
    """Return the text of each section by its heading."""
    heads_and_texts = (section.partition("\n") for section in card.split("\n## ")[1:])
    return {head: text.strip() for head, _, text in heads_and_texts}


@pytest.mark.parametrize("section", ["Data and licence", "Intended use and limits"])
def test_the_embedder_s_card_tells_how_it_was_made_in_the_script_s_words(section: str) -> None:
    """Where no figure is measured, recipe and card agree word for word."""
    committed = (REPOSITORY / "embedder/MODEL_CARD.md").read_text(encoding="utf-8")
    assert _sections(committed)[section] == _sections(EMBEDDER)[section]


def test_the_classifier_s_card_is_its_record_in_words() -> None:
    """The record that `aisle fit` left beside the card says everything that the card says."""
    entry = REPOSITORY / "classifier"
    record = from_json((entry / RECORD).read_text(encoding="utf-8"))
    (digest,) = re.findall(r'key: "sha256"\s+value { string_value: "(\w+)" }', (entry / "config.pbtxt").read_text())
    committed = (entry / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert committed == classifier_card(record).replace("{sha256}", digest)
