"""The space id."""

import dataclasses
import hashlib

import pytest

from services.models.space import INNER_PRODUCT, Space

SPACE = Space(model_sha256="ab" * 32, preprocessing="resize-square-1", dimension=256)


def test_space_id_is_the_digest_of_canonical_json() -> None:
    """The id can be computed by anybody who reads the decision record: sorted keys, no blanks."""
    text = (
        f'{{"dimension":256,"metric":"{INNER_PRODUCT}","model_sha256":"{"ab" * 32}","preprocessing":"resize-square-1"}}'
    )
    assert SPACE.space_id == hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    "change", [{"model_sha256": "cd" * 32}, {"preprocessing": "crop-1"}, {"dimension": 128}, {"metric": "l2"}]
)
def test_every_attribute_makes_another_space(change: dict[str, str | int]) -> None:
    """Vectors that differ in any of the four are of different spaces."""
    assert dataclasses.replace(SPACE, **change).space_id != SPACE.space_id  # type: ignore[arg-type]
