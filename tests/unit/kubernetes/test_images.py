"""Names of images."""

import pytest

from services.common.errors import SettingsInvalid
from services.kubernetes.images import ImageName, check_image

DIGEST = "sha256:" + "a1" * 32


@pytest.mark.parametrize(
    "name", ["aisle/searcher:0.1.0", "registry:5000/aisle/searcher:v2", f"aisle/searcher@{DIGEST}", f"a:1@{DIGEST}"]
)
def test_a_name_with_a_tag_or_digest_names_a_release(name: str) -> None:
    """They come back as they are."""
    assert check_image(name) == name


@pytest.mark.parametrize(
    "name",
    ["aisle/searcher", "registry:5000/aisle/searcher", "aisle/searcher:latest", "a@sha256:12", "a:", ":1", "a:b c"],
)
def test_any_other_is_refused_with_its_name_and_the_remedy(name: str) -> None:
    """A port of the registry is no tag, and the latest release is another one each time."""
    with pytest.raises(SettingsInvalid, match="give it a release's tag") as refused:
        check_image(name)
    assert repr(name) in refused.value.message


def test_a_name_is_taken_apart() -> None:
    """Registry and port stay with the repository."""
    assert ImageName.of(f"registry:5000/a/b:1@{DIGEST}") == ImageName("registry:5000/a/b", "1", DIGEST)
