"""What each process imports: its image has nothing else, and it starts the sooner."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.snapshots import publish_snapshot

TOOLS = {
    "cryptography",
    "hdrh",
    "jinja2",
    "onnx",
    "onnxruntime",
    "opentelemetry",
    "pytest",
    "scipy",
    "torch",
    "typer",
    "yaml",
}


@pytest.mark.parametrize(
    ("process", "needed", "unneeded"),
    [
        ("gateway", {"cv2", "tritonclient"}, {"faiss", "pyarrow"}),
        ("searcher", {"faiss", "pyarrow"}, {"cv2", "PIL", "tritonclient"}),
    ],
)
def test_a_process_imports_what_it_uses(process: str, needed: set[str], unneeded: set[str]) -> None:
    """The roots of all modules that its `__main__` brings in."""
    program = f"import sys, services.{process}.__main__; print(*{{name.partition('.')[0] for name in sys.modules}})"
    listing = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    imported = set(listing.stdout.split())
    assert needed <= imported
    assert not imported & (unneeded | TOOLS)


def test_loading_a_shard_brings_in_no_more_of_arrow_than_it_uses(tmp_path: Path) -> None:
    """What reads Parquet takes 12 MB of a searcher, and what reads folders of it 7 MB more."""
    published = publish_snapshot(tmp_path, {"Shoes": 12}, dimension=8)
    program = f"""
import sys
from services.searcher.loading import load_shard
from services.snapshot.store import SnapshotStore
store = SnapshotStore({str(published.root)!r})
manifest = store.manifest()
load_shard(store, manifest, manifest.category_shards[0])
print(*sys.modules)
"""
    listing = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    imported = set(listing.stdout.split())
    assert "pyarrow" in imported
    assert not imported & {"pyarrow.parquet", "pyarrow.dataset", "pyarrow.acero"}
