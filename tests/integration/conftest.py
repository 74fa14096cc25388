"""What integration tests share: one real Triton with the committed models, one with tiny ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.models.process import TritonProcess
from services.training.joined_release import join_repository
from tests.support import tiny_models
from tests.support.triton import ROOT, serving, triton_settings


@pytest.fixture(scope="session")
def triton() -> Iterator[TritonProcess]:
    """Triton with the committed `embedder` and `classifier`; its address is `triton.command.target`."""
    with serving(triton_settings(ROOT / "model_repository")) as process:
        yield process


@pytest.fixture(scope="session")
def tiny_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models under the real names, one that is slow and one that fails for most pictures."""
    repository = tmp_path_factory.mktemp("tiny_repository")
    # The delay makes the batcher wait for company, so that the tests see batches and not just luck.
    tiny_models.write_model(repository, "embedder", tiny_models.embedder(), queue_delay_microseconds=20_000)
    tiny_models.write_model(repository, "classifier", tiny_models.classifier(), labels=tiny_models.LABELS)
    tiny_models.write_model(repository, "slow", tiny_models.slow(), max_queue_size=2, instances=1)
    tiny_models.write_model(repository, "fragile", tiny_models.fragile())
    return repository


@pytest.fixture(scope="session")
def tiny_triton(tiny_repository: Path) -> Iterator[TritonProcess]:
    """Triton with the tiny models; starts within a second."""
    with serving(triton_settings(tiny_repository)) as process:
        yield process


@pytest.fixture(scope="session")
def joined_triton(tiny_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonProcess]:
    """Triton with the tiny embedder and the tiny classifier in one model."""
    repository = tmp_path_factory.mktemp("joined") / "models"
    join_repository(tiny_repository, repository, command="a test", replace=False)
    with serving(triton_settings(repository)) as process:
        yield process
