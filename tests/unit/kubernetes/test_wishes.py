"""An overlay's `searchers.yaml`."""

from pathlib import Path

import pytest

from services.common.errors import SettingsInvalid
from services.kubernetes.wishes import FILE, Replicas, Wishes, read_wishes


def test_without_a_file_everything_is_by_default(tmp_path: Path) -> None:
    """An empty file says as much."""
    assert read_wishes(tmp_path) == Wishes()
    (tmp_path / FILE).write_text("# nothing\n")
    assert read_wishes(tmp_path) == Wishes()


def test_what_it_says_is_read(tmp_path: Path) -> None:
    """Sizes as Kubernetes writes them."""
    (tmp_path / FILE).write_text("replicas: {least: 3, most: 4}\nshards: {bag: {memory: 4Gi}}\n")
    wishes = read_wishes(tmp_path)
    assert wishes.replicas == Replicas(least=3, most=4)
    assert (wishes.of("bag").memory, wishes.of("coat").memory) == ("4Gi", None)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("replica: {least: 2}", "replica: there is no such field; did you mean replicas?"),
        ("memory: lots", "memory: 'lots' is no quantity"),
        ("replicas: {least: 4, most: 2}", "searchers.yaml: replicas: most is 2, less than least, 4"),
        ("image: aisle/searcher", "image: image 'aisle/searcher' has no tag"),
        ("shards: {bag: {cores: 1.5}}", "shards.bag.cores"),
        ("shards: {bag: {memroy: 4Gi}}", "shards.bag.memroy: there is no such field; did you mean memory?"),
        ("replicas: {a: 1}", "replicas.a: there is no such field; known are least, most"),
        ("- 1", "searchers.yaml: it is no keys with values"),
        ("shards: [", "searchers.yaml, line 2: not YAML"),
    ],
)
def test_what_can_not_be_is_refused_with_file_and_field(tmp_path: Path, text: str, named: str) -> None:
    """Whoever wrote it finds the place."""
    (tmp_path / FILE).write_text(text)
    with pytest.raises(SettingsInvalid) as refused:
        read_wishes(tmp_path)
    assert str(tmp_path / FILE) in refused.value.message
    assert named in refused.value.message
