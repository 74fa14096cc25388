"""The projection against numpy's singular value decomposition."""

import numpy as np
import pytest

from services.training.projection import fit


def _features() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    rng = np.random.default_rng(0)
    return (rng.standard_normal((200, 12)) * np.arange(1, 13) + 5).astype(np.float32)


@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
def test_projection_equals_that_of_the_svd(whitening: float) -> None:
    """Centred features times the right singular vectors, divided by the spread to the whitening's power."""
    features = _features()
    centred = features - features.mean(axis=0)
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    spread = singular[:4] / np.sqrt(len(features) - 1)
    expected = centred @ directions[:4].T / spread**whitening
    fitted = fit(features, 4, whitening)
    seen = (features - fitted.mean) @ fitted.components
    np.testing.assert_allclose(np.abs(seen), np.abs(expected), rtol=2e-3, atol=2e-3)


def test_whitening_of_one_makes_all_spreads_equal() -> None:
    """Fully whitened components have unit variance and no correlation."""
    features = _features()
    fitted = fit(features, 6, 1.0)
    covariance = np.cov(((features - fitted.mean) @ fitted.components).T)
    np.testing.assert_allclose(covariance, np.eye(6), atol=1e-3)


def test_embeddings_have_unit_length_and_do_not_depend_on_signs() -> None:
    """Rows are normalised; the signs of the components are fixed by their largest entries."""
    fitted = fit(_features(), 5, 0.5)
    np.testing.assert_allclose(np.linalg.norm(fitted.embed(_features()), axis=1), 1, rtol=1e-5)
    largest = np.abs(fitted.components).argmax(axis=0)
    assert (fitted.components[largest, np.arange(5)] > 0).all()


@pytest.mark.parametrize(("dimension", "whitening"), [(0, 0.5), (13, 0.5), (4, 1.5), (4, -0.1)])
def test_arguments_out_of_range_are_refused(dimension: int, whitening: float) -> None:
    """Each limit is checked before any arithmetic."""
    with pytest.raises(ValueError, match="must be"):
        fit(_features(), dimension, whitening)
