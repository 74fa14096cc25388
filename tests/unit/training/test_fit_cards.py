"""The cards of fitted models: every figure of the record is in them, and what is not known is left out."""

import pytest

from services.training.adapting import Candidate
from services.training.fit_cards import classifier_card, embedder_card
from services.training.fitted import EpochReport
from services.training.head import NewProducts
from services.training.measurements import Parity
from services.training.record import (
    ClassifierFacts,
    Counts,
    EmbedderFacts,
    FitRecord,
    Quantised,
    Retrieval,
    from_json,
    to_json,
)
from services.training.retrieval import Figures

CHOSEN = Candidate(0.1, 0.6, Figures(0.61, 0.62, 0.63), Figures(0.41, 0.42, 0.43))
RECORD = FitRecord(
    way="head",
    dataset="corner shop",
    command="aisle fit head corner-shop --out models",
    machine="2-core Example",
    seconds=61.4,
    recipe={"seed": "20"},
    counts=Counts(train_photos=1234, val_photos=321, gallery_pictures=99, categories=7, products=77, unreadable=3),
    warnings=("mind the step",),
    epochs=(EpochReport(1, 2, 0.5, 0.8, None, is_best=True, seconds=3.0),),
    classifier=ClassifierFacts(
        version="lite0-head7-00000000",
        side=224,
        parity=Parity(0.99999, 1e-4),
        temperature=1.25,
        calibration_error_before=0.111,
        calibration_error=0.022,
        accuracy=0.876,
        new_products=NewProducts(0.765, 200, 40),
        quantised=Quantised(figure="accuracy", float32=0.877, int8=0.876),
        cpu_ms=9.5,
    ),
    embedder=EmbedderFacts(
        version="lite0-fit256-11111111",
        side=224,
        dimension=256,
        base_version="lite0-pca256-1",
        why="it finds most",
        before=Figures(0.31, 0.32, 0.33),
        chosen=CHOSEN,
        candidates=(CHOSEN,),
        parity=Parity(0.99998, 2e-4),
        cpu_ms=9.5,
    ),
    retrieval=Retrieval(
        photos=300, everywhere=Figures(0.5, 0.7, 0.6), in_category=Figures(0.6, 0.9, 0.8), break_even=0.791
    ),
)


def test_the_classifier_s_card_holds_every_figure() -> None:
    """By photo, by product, calibration, break-even, int8 and doubts; the digest is left to the writer."""
    card = classifier_card(RECORD)
    for words in (
        "lite0-head7-00000000", "0.876 of 321 photos", "0.111 before, 0.022 after", "1.250", "{sha256}",
        "0.765 of 200 photos of 40 products", "0.500 / 0.700 / 0.600", "0.600 / 0.900 / 0.800", "0.791",
        "0.877 in float32, 0.876 in int8", "* mind the step", "1,234 photos", "aisle fit head corner-shop", "seed 20",
    ):  # fmt: skip
        assert words in card


def test_the_embedder_s_card_shows_what_was_tried() -> None:
    """The base, and each candidate for products seen and left out."""
    card = embedder_card(RECORD)
    assert "| as it was | | 0.310 / 0.320 / 0.330 |" in card
    assert "| 0.6 | 0.1 | 0.610 / 0.620 / 0.630 | 0.410 / 0.420 / 0.430 |" in card
    assert "from lite0-pca256-1" in card


def test_what_is_not_known_is_left_out() -> None:
    """Without products there is no figure to invent."""
    classifier = RECORD.classifier.model_copy(update={"new_products": None, "quantised": None})
    card = classifier_card(RECORD.model_copy(update={"classifier": classifier, "retrieval": None}))
    assert "never seen" not in card
    assert "recall" not in card
    assert "None" not in card


def test_a_record_survives_its_file() -> None:
    """JSON there and back."""
    assert from_json(to_json(RECORD)) == RECORD


def test_a_record_of_another_schema_is_refused() -> None:
    """Its figures may mean something else."""
    text = to_json(RECORD)
    assert '"schema_version": 1' in text
    with pytest.raises(ValueError, match="schema_version"):
        from_json(text.replace('"schema_version": 1', '"schema_version": 2'))
