"""The classifier's accuracy, and what it takes for what."""

from services.client.types import Policy
from services.evaluation.classification import Prediction, accuracy, confusion_matrix, confusions, predictions
from tests.support.shoppers import query, seen

B, T = Policy.BASELINE, Policy.TOP_1


def _judged(*pairs: tuple[str, str]) -> list[Prediction]:
    return [Prediction(query(number, category=right), taken, 0.5) for number, (right, taken) in enumerate(pairs)]


def test_the_classifier_is_judged_once_per_photo() -> None:
    """Three policies asked it about the same two photos; a photo that it did not judge is left out."""
    queries = [query(0), query(1), query(2)]
    by_policy = {
        B: [seen(n, B) for n in range(3)],
        T: [seen(0, T, predicted=("Shoe", 0.9)), seen(1, T, outcome="error"), seen(2, T)],
        Policy.ALL: [seen(n, Policy.ALL, predicted=("Bag", 0.5)) for n in range(2)] + [seen(2, Policy.ALL)],
    }
    judged = predictions(queries, by_policy)
    assert judged == [Prediction(queries[0], "Shoe", 0.9), Prediction(queries[1], "Bag", 0.5)]
    assert accuracy(judged) == 0.5
    assert accuracy([]) is None


def test_confusions_are_counted_by_pair() -> None:
    """Only mistakes, the most frequent one first."""
    found = confusions(_judged(("Shoe", "Shoe"), ("Shoe", "Bag"), ("Hat", "Bag"), ("Hat", "Bag")))
    assert [(each.category, each.predicted, each.queries) for each in found] == [("Hat", "Bag", 2), ("Shoe", "Bag", 1)]


def test_the_matrix_shows_the_most_confused_and_counts_every_photo_of_theirs() -> None:
    """Bags take part in three mistakes, hats in two, shoes in one; coats in none and are not shown."""
    matrix = confusion_matrix(
        _judged(("Shoe", "Shoe"), ("Shoe", "Bag"), ("Hat", "Bag"), ("Hat", "Bag"), ("Coat", "Coat"), ("Bag", "Bag"))
    )
    assert matrix is not None
    assert matrix.categories == ["Bag", "Hat", "Shoe"]
    assert matrix.counts == [[1, 0, 0], [2, 0, 0], [1, 0, 1]]
    assert matrix.elsewhere == [0, 0, 0]


def test_what_is_not_shown_is_elsewhere() -> None:
    """Twenty categories confused in a ring: twelve are shown, and every row still adds up to its photos."""
    names = [f"c{number}" for number in range(20)]
    matrix = confusion_matrix(_judged(*zip(names, [*names[1:], names[0]], strict=True)))
    assert matrix is not None
    assert len(matrix.categories) == 12
    assert [sum(row) + rest for row, rest in zip(matrix.counts, matrix.elsewhere, strict=True)] == [1] * 12
    assert sum(matrix.elsewhere) == 1


def test_no_mistake_no_matrix() -> None:
    """A photo of two categories is right as either of them."""
    assert confusion_matrix(_judged(("Shoe", "Shoe"))) is None
