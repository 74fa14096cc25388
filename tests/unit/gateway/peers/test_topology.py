"""The shard map's file, and what is wrong with it."""

from pathlib import Path

import pytest

from services.common.errors import SettingsInvalid
from services.gateway.peers.topology import read_topology


def test_replicas_per_shard(tmp_path: Path) -> None:
    """A shard has as many targets as replicas."""
    file = tmp_path / "topology.json"
    file.write_text('{"shards": {"shoes": ["127.0.0.1:1", "127.0.0.1:2"], "_all": ["127.0.0.1:3"]}}')
    assert read_topology(file).shards == {"shoes": ("127.0.0.1:1", "127.0.0.1:2"), "_all": ("127.0.0.1:3",)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"shards": ["shoes"]}',
        '{"shards": {"shoes": "127.0.0.1:1"}}',
        '{"shards": {"shoes": [7]}}',
        '{"shards": {}, "shard": {}}',
        b"\xff\xfe".decode("latin-1"),
    ],
)
def test_a_file_of_another_form_is_named(tmp_path: Path, text: str) -> None:
    """The error has the file and the form that is expected, and no traceback of a parser."""
    file = tmp_path / "topology.json"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(SettingsInvalid, match=r'topology\.json.*expected \{"shards"') as invalid:
        read_topology(file)
    assert invalid.value.field == "topology"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """So is a folder."""
    for path in (tmp_path / "nowhere.json", tmp_path):
        with pytest.raises(SettingsInvalid, match=str(path)):
            read_topology(path)
