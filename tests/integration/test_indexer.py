"""The indexer as a process against a real Triton: the vectors are the model's, and a killed run goes on."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np
import pytest
import structlog

from services.cli.__main__ import main
from services.cli.exit_codes import ExitCode
from services.indexer.pictures import Picture, read_pixels
from services.models.process import TritonProcess
from services.snapshot.manifest import Manifest
from services.snapshot.store import SnapshotStore
from services.snapshot.tables import read_table
from tests.support import tiny_models
from tests.support.galleries import Gallery, make_gallery, make_photos
from tests.support.triton import ROOT, free_port

pytestmark = pytest.mark.triton


def _command(gallery: Gallery, root: Path, target: str, *more: str) -> Sequence[str]:
    where = ("--catalogue", gallery.catalogue, "--image-root", gallery.image_root, "--snapshot-root", root)
    return [sys.executable, "-m", "services.indexer", *map(str, where), "--triton", target, *more]


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def _assert_vectors_are_the_models(root: Path, gallery: Gallery, manifest: Manifest) -> None:
    """Compare every vector of every index with what ONNX Runtime says about its picture, without Triton."""
    store = SnapshotStore(root)
    for shard in manifest.shards:
        for segment in shard.segments:
            index = faiss.read_index(str(store.fetch(manifest, segment.index.file)))
            items = read_table(store.fetch(manifest, segment.items)).to_pydict()
            pictures = [Picture(0, gallery.image_root / path, 0, 0) for path in items["image_path"]]
            pixels = [read_pixels(picture, tiny_models.SIDE, tiny_models.SIDE) for picture in pictures]
            expected = tiny_models.run_in_process(tiny_models.embedder(), np.array(pixels, dtype=np.uint8))
            np.testing.assert_allclose(index.reconstruct_n(0, segment.images), expected, atol=1e-5)


def test_a_catalogue_becomes_a_snapshot(tiny_triton: TritonProcess, tmp_path: Path) -> None:
    """One command: exit status 0, CURRENT set, every vector that of its own picture; again, and nothing is redone."""
    gallery = make_gallery(tmp_path, {"Bag": 40, "Ankle boot": 25})
    command = _command(gallery, tmp_path / "root", tiny_triton.command.target)
    done = _run(command)
    assert done.returncode == 0, done.stderr
    assert '"embedded": 65' in done.stderr
    manifest = SnapshotStore(tmp_path / "root").manifest()
    told = json.loads(done.stdout.splitlines()[-1])
    assert told.keys() == {"snapshot_id", "published_at"}
    assert told["snapshot_id"] == manifest.snapshot_id
    assert 0 < time.time() - told["published_at"] < 60
    assert [(shard.slug, shard.images) for shard in manifest.shards] == [("ankle-boot", 25), ("bag", 40), ("_all", 65)]
    assert (manifest.embedder.version, manifest.dimension) == ("tiny-embedder-1", tiny_models.DIMENSION)
    _assert_vectors_are_the_models(tmp_path / "root", gallery, manifest)
    again = _run(command)
    assert again.returncode == 0, again.stderr
    assert '"embedded": 0' in again.stderr


def test_a_killed_run_goes_on(tiny_triton: TritonProcess, tmp_path: Path) -> None:
    """SIGKILL in the middle loses at most what was in flight, and the snapshot of the next run is whole."""
    gallery = make_gallery(tmp_path, {"Bag": 800})
    slowly = ("--batch-size", "2", "--in-flight", "1")
    command = _command(gallery, tmp_path / "root", tiny_triton.command.target, *slowly)
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    give_up_at = time.monotonic() + 30
    while sum(path.stat().st_size for path in tmp_path.glob("root/building/*/vectors.journal")) < 2_000:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < give_up_at
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (journal,) = tmp_path.glob("root/building/*/vectors.journal")
    finished = 2 * (journal.stat().st_size // (8 + 2 * (24 + 4 * tiny_models.DIMENSION)))
    assert 0 < finished < 800
    assert not (tmp_path / "root" / "CURRENT").exists()
    done = _run(_command(gallery, tmp_path / "root", tiny_triton.command.target))
    assert done.returncode == 0, done.stderr
    assert f'"embedded": {800 - finished}' in done.stderr
    _assert_vectors_are_the_models(tmp_path / "root", gallery, SnapshotStore(tmp_path / "root").manifest())


def test_held_out_photos_are_tried_on_both_models(tiny_triton: TritonProcess, tmp_path: Path) -> None:
    """The manifest says what scores are worth for the classifier that serves, and the log says it in words."""
    gallery = make_gallery(tmp_path, {"bag": 20, "coat": 20})
    photos = make_photos(tmp_path, gallery, categories=tiny_models.LABELS)
    table = ("--photos", str(photos), "--photos-root", str(tmp_path))
    done = _run(_command(gallery, tmp_path / "root", tiny_triton.command.target, *table))
    assert done.returncode == 0, done.stderr
    assert "scores fitted to 40 held-out photos: " in done.stderr
    relevance = SnapshotStore(tmp_path / "root").manifest().relevance
    assert relevance is not None
    served = hashlib.sha256(tiny_models.classifier()).hexdigest()
    assert (relevance.photos, relevance.fusion.classifier_sha256) == (40, served)


def test_a_catalogue_is_added_to_a_snapshot(
    tiny_triton: TritonProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the command that an operator gives; every vector is the model's, and again it is refused by name."""
    gallery = make_gallery(tmp_path, {"Bag": 10, "Coat": 4})
    header, *lines = gallery.catalogue.read_text().splitlines()
    gallery.catalogue.write_text("\n".join([header, *lines[:8]]))
    done = _run(_command(gallery, tmp_path / "root", tiny_triton.command.target))
    assert done.returncode == 0, done.stderr
    (tmp_path / "new.csv").write_text("\n".join([header, *lines[8:]]))
    where = ["--snapshot-root", str(tmp_path / "root"), "--triton", tiny_triton.command.target]
    assert main(["snapshot", "add", str(tmp_path / "new.csv"), *where]) == ExitCode.OK
    structlog.reset_defaults()
    assert "+6 images, +3 products" in capsys.readouterr().out
    manifest = SnapshotStore(tmp_path / "root").manifest()
    assert [(shard.slug, shard.images) for shard in manifest.shards] == [("bag", 10), ("coat", 4), ("_all", 14)]
    _assert_vectors_are_the_models(tmp_path / "root", gallery, manifest)
    again = _run([*_command(gallery, tmp_path / "root", tiny_triton.command.target), "--add"])
    assert again.returncode == 2
    assert "image_id 'Bag-0' is already in snapshot" in again.stderr


def test_without_triton_the_build_fails_and_says_so(tmp_path: Path) -> None:
    """Exit status 3 and one line with the address, no traceback."""
    gallery = make_gallery(tmp_path, {"Bag": 2})
    target = f"127.0.0.1:{free_port()}"
    failed = _run(_command(gallery, tmp_path / "root", target))
    assert failed.returncode == 3
    assert "MODEL_UNAVAILABLE" in failed.stderr
    assert target in failed.stderr
    assert "Traceback" not in failed.stderr
