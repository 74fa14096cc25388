"""What is said against a classifier, and when nothing is."""

import pytest

from services.training.doubts import doubts
from services.training.head import NewProducts
from services.training.measurements import EXACT
from services.training.record import ClassifierFacts, Retrieval
from services.training.retrieval import Figures


def _classifier(accuracy: float, new: float | None) -> ClassifierFacts:
    return ClassifierFacts(
        version="v",
        side=16,
        parity=EXACT,
        temperature=1.0,
        calibration_error_before=0.1,
        calibration_error=0.05,
        accuracy=accuracy,
        new_products=None if new is None else NewProducts(new, 10, 2),
        cpu_ms=1.0,
    )


def _found(break_even: float | None) -> Retrieval:
    half = Figures(0.5, 0.5, 0.5)
    return Retrieval(photos=10, everywhere=half, in_category=half, break_even=break_even)


@pytest.mark.parametrize(
    ("classifier", "found", "words"),
    [
        (_classifier(0.9, 0.8), _found(0.7), ()),
        (_classifier(0.9, None), _found(0.7), ()),
        (_classifier(0.6, 0.5), _found(0.7), ("accuracy, 0.600, is below the 0.700 from which TOP_1 pays",)),
        (_classifier(0.9, 0.5), _found(0.7), ("never seen, 0.500, is below the 0.700",)),
        (_classifier(0.9, 0.8), _found(1.1), ("0.900, is below the 1.100",)),
        (_classifier(0.9, 0.8), _found(None), ("find too little",)),
        (_classifier(0.9, 0.8), None, ("no validation photo names its product",)),
    ],
)
def test_each_figure_that_is_too_low_is_named(
    classifier: ClassifierFacts, found: Retrieval | None, words: tuple[str, ...]
) -> None:
    """One sentence at most, about the worst; none when both accuracies are above the break-even."""
    said = doubts("head", classifier, found)
    assert len(said) == len(words)
    assert all(word in sentence for word, sentence in zip(words, said, strict=True))


def test_a_fine_tuned_network_is_not_blamed_for_the_heads_figure() -> None:
    """New products are judged by a head, and the sentence says so."""
    (said,) = doubts("fine-tune", _classifier(0.9, 0.5), _found(0.7))
    assert "never seen (of a linear layer on frozen features), 0.500" in said
