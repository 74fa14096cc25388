"""Stubs of Triton and of every searcher in one process, which answer at once: what a gateway alone is measured before.

`python -m services.benchmarks.speed.stub --models DIR --snapshot-root DIR --snapshot-id ID`
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc
from google.protobuf import text_format
from numpy.typing import NDArray
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from services.common.lifecycle import ServerSettings, main
from services.gateway.answering.query import DEFAULT_TOP_K
from services.models.metadata import CLASSIFIER, EMBEDDER, parse_model_config
from services.snapshot.manifest import Manifest, ShardEntry
from services.snapshot.store import SnapshotStore

_SURE = 0.97
"""The classifier's probability of its first label: so sure that the first wave is one shard."""
_BEST, _STEP = 0.95, 0.01
"""Similarities of the hits: so good that no second wave follows."""


class StubSettings(ServerSettings):
    """What the stubs pretend to serve."""

    models: Path
    """The model repository whose configurations are told; no model is loaded."""
    snapshot_root: str
    """Where the snapshot is published; only its manifest is read."""
    snapshot_id: str
    """The snapshot whose shards are told."""


class ModelsStub(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # generated, without types
    """Triton with two models that look at nothing."""

    def __init__(self, models: Path) -> None:
        """Read the configurations.

        Args:
            models: the model repository.
        """
        self._configs = {name: _config(models / name) for name in (EMBEDDER, CLASSIFIER)}
        sizes = {name: parse_model_config(config)[0].output_size for name, config in self._configs.items()}
        vector = np.zeros((1, sizes[EMBEDDER]), np.float32)
        vector[0, 0] = 1.0
        probabilities = np.full((1, sizes[CLASSIFIER]), (1 - _SURE) / max(1, sizes[CLASSIFIER] - 1), np.float32)
        probabilities[0, 0] = _SURE
        self._answers = {EMBEDDER: _answer(EMBEDDER, vector), CLASSIFIER: _answer(CLASSIFIER, probabilities)}

    async def ServerReady(self, _request: Any, _context: Any) -> Any:  # noqa: N802 - named by the proto
        """Always."""
        return service_pb2.ServerReadyResponse(ready=True)

    async def ModelConfig(self, request: Any, _context: Any) -> Any:  # noqa: N802 - named by the proto
        """Tell a model's configuration."""
        return service_pb2.ModelConfigResponse(config=self._configs[request.name])

    async def ModelInfer(self, request: Any, _context: Any) -> Any:  # noqa: N802 - named by the proto
        """Answer every picture alike."""
        return self._answers[request.model_name]


class ShardsStub(shard_pb2_grpc.ShardServiceServicer):
    """A searcher of every shard that finds the same ten products whatever is asked."""

    def __init__(self) -> None:
        """Serve nothing yet."""
        self._answers: dict[str, shard_pb2.SearchResponse] = {}
        self._description = shard_pb2.DescribeResponse()

    def serve(self, manifest: Manifest) -> None:
        """Pretend to serve every shard of a snapshot from now on."""
        self._answers = {shard.slug: _found(manifest.snapshot_id, shard) for shard in manifest.shards}
        self._description = shard_pb2.DescribeResponse(
            shards=[shard_pb2.ShardDescription(shard=slug) for slug in self._answers],
            snapshot_id=manifest.snapshot_id,
            space_id=manifest.space_id,
            dimension=manifest.dimension,
            snapshot_ids=[manifest.snapshot_id],
        )

    async def Search(self, request: shard_pb2.SearchRequest, _context: Any) -> Any:  # noqa: N802 - named by the proto
        """Answer every vector alike."""
        return self._answers[request.shard]

    async def Describe(self, _request: shard_pb2.DescribeRequest, _context: Any) -> Any:  # noqa: N802 - as above
        """Tell every shard of the snapshot."""
        return self._description


class Stub:
    """Both, as `services.common.lifecycle` runs them."""

    def __init__(
        self, settings: StubSettings, models: ModelsStub | None = None, shards: ShardsStub | None = None
    ) -> None:
        """Read the models' configurations; other stubs than the usual ones may be given."""
        self._settings = settings
        self._models, self._shards = models or ModelsStub(settings.models), shards or ShardsStub()

    @property
    def names(self) -> Sequence[str]:
        """The gRPC services."""
        messages = (service_pb2, shard_pb2)
        return [each.full_name for module in messages for each in module.DESCRIPTOR.services_by_name.values()]

    @property
    def calls(self) -> None:
        """Nothing is counted."""

    def register(self, server: grpc.aio.Server) -> None:
        """Add the servicers."""
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self._models, server)
        shard_pb2_grpc.add_ShardServiceServicer_to_server(self._shards, server)

    async def start(self) -> None:
        """Read the manifest.

        Raises:
            SnapshotNotFound, SnapshotInvalid: it can't be pretended to be served.
        """
        store = SnapshotStore(self._settings.snapshot_root)
        self._shards.serve(await asyncio.to_thread(store.manifest, self._settings.snapshot_id))

    def drain(self) -> None:
        """Nothing to end."""

    async def close(self) -> None:
        """Nothing to close."""


def _config(folder: Path) -> Any:
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def _answer(model: str, output: NDArray[np.float32]) -> Any:
    tensor = service_pb2.ModelInferResponse.InferOutputTensor(name="output", datatype="FP32", shape=output.shape)
    return service_pb2.ModelInferResponse(model_name=model, outputs=[tensor], raw_output_contents=[output.tobytes()])


def _found(snapshot_id: str, shard: ShardEntry) -> shard_pb2.SearchResponse:
    ids = [f"{shard.slug}-{place}" for place in range(DEFAULT_TOP_K)]
    neighbours = shard_pb2.Neighbours(
        product_ids=ids,
        image_ids=ids,
        image_paths=[f"gallery/{each}.jpg" for each in ids],
        categories=[shard.category] * len(ids),
        similarities=[_BEST - _STEP * place for place in range(len(ids))],
    )
    return shard_pb2.SearchResponse(neighbours=[neighbours], snapshot_id=snapshot_id)


if __name__ == "__main__":
    sys.exit(main("stub", StubSettings, Stub, sys.argv[1:]))
