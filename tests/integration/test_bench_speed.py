"""The benchmark of speed in short: ratios of real processes to the work that they have to do, and no times."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from services.benchmarks.scale.photos import ServedModels, served_models
from services.benchmarks.speed.answering import Answering
from services.benchmarks.speed.ceiling import BeforeStubs, gateway_before_stubs, usual_photos
from services.benchmarks.speed.limit import Limit
from services.benchmarks.speed.ratios import ratio_of
from services.benchmarks.speed.straight import Straight
from services.benchmarks.starting import Started
from services.common.errors import Internal
from services.loadtest.synthetic import synthetic_jpeg
from services.models.process import TritonProcess
from services.photo.intake import read_photo
from services.snapshot.manifest import EmbedderEntry
from tests.support.cluster import photo, publish
from tests.support.snapshots import publish_snapshot

MODELS = Path(__file__).parents[2] / "model_repository"
SECONDS = 1.5
TURNS = 3
MOST = 3.0
"""Of the processor time that decoding a photo takes and answering the gateway's three calls: 1.9 of it was seen."""
MOST_OF_LIMIT = 2.0
"""Of the processor time that a photo takes by function call: 1.4 to 1.6 of it was seen."""
MOST_OF_DECODING = 2.0
"""A photo of 3 MB is hardly anything but decoded: 1.2 of it was seen."""


@pytest.fixture
def models() -> ServedModels:
    """The committed models; they are told of and never run."""
    return served_models(MODELS)


@pytest.fixture
def root(tmp_path: Path, models: ServedModels) -> str:
    """A snapshot of some of the classifier's categories."""
    info = models.embedder
    embedder = EmbedderEntry(name=info.name, version=info.version, sha256=info.sha256, preprocessing=info.preprocessing)
    gallery = dict.fromkeys(models.classifier.labels[:3], 4)
    publish_snapshot(tmp_path / "root", gallery, dimension=info.output_size, embedder=embedder)
    return str(tmp_path / "root")


@pytest.fixture
async def alone(tmp_path: Path, root: str) -> AsyncIterator[BeforeStubs]:
    """A gateway process before stubs."""
    async with gateway_before_stubs(tmp_path / "run", MODELS, root) as alone:
        yield alone


async def test_the_gateway_s_own_cost_is_no_multiple_of_what_it_needs(alone: BeforeStubs, models: ServedModels) -> None:
    """A ratio of processor times in the same seconds: it holds on any machine, busy or not."""
    images = usual_photos()
    cost = await alone.cost(images, in_flight=8, seconds=SECONDS)
    needed_ms = _decoding_ms(models, 10 * images) + cost.cpu_ms["stub"]
    assert 0 < cost.cpu_ms["gateway"] < MOST * needed_ms, f"{cost}, needed {needed_ms:.2f} ms"


async def test_a_large_photo_costs_its_decoding_and_no_more_copies(alone: BeforeStubs, models: ServedModels) -> None:
    """Three megabytes are not moved about as if they were nothing."""
    images = [synthetic_jpeg(3_000_000, 0)]
    cost = await alone.cost(images, in_flight=1, seconds=SECONDS)
    needed_ms = _decoding_ms(models, 10 * images) + cost.cpu_ms["stub"]
    assert 0 < cost.cpu_ms["gateway"] < MOST_OF_DECODING * needed_ms, f"{cost}, needed {needed_ms:.2f} ms"


@pytest.mark.triton
async def test_a_photo_costs_no_multiple_of_the_limit(
    tmp_path: Path, root: str, models: ServedModels, triton: TritonProcess
) -> None:
    """The committed models in Triton, in turns with the same work by function call; what stubs cost counts, too."""
    images, served_ms, limit_ms = usual_photos(), [], []
    behind = Started(triton.pid, triton.command.target, ready_seconds=0.0)
    async with gateway_before_stubs(tmp_path / "run", MODELS, root, behind) as served:
        with Limit(models, Answering(models, root)) as limit:
            for _ in range(TURNS):
                limit_ms.append((await asyncio.to_thread(limit.at_full_use, images)).cpu_ms)
                served_ms.append(sum((await served.cost(images, in_flight=2, seconds=0.7)).cpu_ms.values()))
    assert 1.0 < ratio_of(served_ms, limit_ms).value < MOST_OF_LIMIT, f"{served_ms} to {limit_ms} ms"


@pytest.mark.triton
async def test_triton_called_straight_finds_what_the_limit_does(
    tmp_path: Path, tiny_repository: Path, tiny_triton: TritonProcess
) -> None:
    """One photo at a time and several: else its figures would say nothing of the limit's."""
    tiny, images = served_models(tiny_repository), [photo(seed) for seed in range(20)]
    answering = Answering(tiny, publish(tmp_path).root)
    async with Straight(tiny_triton.command.target, answering) as straight:
        with Limit(tiny, answering) as limit:
            expected = [[hit.product_id for hit in limit.answer(image)] for image in images]
        assert [[hit.product_id for hit in await straight.answer(image)] for image in images] == expected
        assert len(await straight.one_by_one(images)) == len(images)
        assert await straight.at_full_use(images) > 0


def _decoding_ms(models: ServedModels, images: Sequence[bytes]) -> float:
    """Return the processor time of a photo's decoding by function call, milliseconds."""
    sides = [(model.input_height, model.input_width) for model in (models.embedder, models.classifier)]
    began = time.process_time()
    for image in images:
        photo = read_photo(image, least_side=max(max(side) for side in sides))
        for side in sides:
            photo.pixels(*side)
    return 1000 * (time.process_time() - began) / len(images)


async def test_a_gateway_that_can_not_start_says_why(tmp_path: Path) -> None:
    """The stubs tell of the committed models, the snapshot is of another embedder's vectors."""
    publish_snapshot(tmp_path / "root", {"Bag": 4}, dimension=256)
    with pytest.raises(Internal, match="holds vectors of space"):
        async with gateway_before_stubs(tmp_path / "run", MODELS, str(tmp_path / "root")):
            pass


async def test_another_runtime_than_triton_s_is_refused_in_a_line(tmp_path: Path) -> None:
    """Before anything is prepared, and without a stack trace."""
    command = ("-m", "services.benchmarks.speed", "--only", "limit", "--triton-environment", str(tmp_path))
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode().splitlines()[0].startswith("onnxruntime is ")
    assert len(errors.decode().splitlines()) == 1
