"""All steps in their order: build what is not built yet, then measure; and the figures as the promise has them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from services.benchmarks.gallery import Shape
from services.benchmarks.scale import promise
from services.benchmarks.scale.building import Built, Say, built
from services.benchmarks.scale.changing import Changes, measured_changes
from services.benchmarks.scale.end_to_end import EndToEnd, contents, measured_end_to_end
from services.benchmarks.scale.one_shard import OneShard, measured_shard
from services.benchmarks.scale.photos import ServedModels, gallery_pictures, real_photos, served_models
from services.benchmarks.scale.rivalry import Comparison, compared
from services.benchmarks.scale.shop import Photos, shop_of
from services.benchmarks.targets import Target
from services.cli.supervising.system import TritonAloneSettings, running_triton
from services.evaluation.machine import this_machine

_SEED = 20
_LEAST_IMAGES_PER_PRODUCT = 10
"""Of the tenth of a gallery; only a small one is so small."""
_ADDED_PICTURES = 1_000


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured.

    Attributes:
        folder: everything that is made lies here, but for downloads, which lie beside it.
        shape: of the gallery.
        models: model repository.
        photos: real photos to search with; as many more are for fitting.
        queries: photos drawn for one shard.
        rounds: how often each photo is searched in each way.
        shards_per_searcher: how many shards share a process.
        comparer: the Python that has other engines; None to compare with none.
    """

    folder: Path
    shape: Shape
    models: Path
    photos: int
    queries: int
    rounds: int
    shards_per_searcher: int
    comparer: Path | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it."""

    whole: Built
    shard: OneShard
    end_to_end: EndToEnd
    changes: Changes
    comparison: Comparison | None
    seconds: float

    def targets(self) -> list[Target]:
        """Return one target per row of the promise."""
        end_to_end, shard, switched = self.end_to_end, self.shard, self.changes.switched
        return [
            promise.cascade_target(end_to_end.latency, end_to_end.recall),
            promise.searcher_target(shard.remote),
            promise.overhead_target(shard.remote, shard.direct),
            promise.recall_target(shard.recall),
            promise.growth_target(end_to_end.latency),
            promise.memory_target(end_to_end.categories.pss, self.whole.drawn.vectors.nbytes),
            promise.building_target(self.whole.shards_seconds),
            promise.start_target(shard.ready_seconds, shard.first_query_ms, shard.remote),
            promise.freshness_target(self.changes.visible_seconds),
            promise.switching_target(
                switched.errors, switched.switching, switched.steady, switched.peak_bytes, switched.steady_bytes
            ),
        ]

    def further(self) -> dict[str, Any]:
        """Return what else a reader may want to know."""
        relevance = self.whole.manifest.relevance
        return {
            "machine": this_machine().model_dump(),
            "shape": asdict(self.whole.shop.gallery.shape),
            "vector_bytes": self.whole.drawn.vectors.nbytes,
            "shards": [
                {
                    "slug": shard.slug,
                    "images": shard.images,
                    "products": shard.products,
                    "index": [segment.index.model_dump(exclude={"file"}) for segment in shard.segments],
                    "seconds": self.whole.seconds[shard.slug],
                }
                for shard in self.whole.manifest.shards
            ],
            "relevance": None if relevance is None else relevance.model_dump(),
            "shard": asdict(self.shard),
            "end_to_end": asdict(self.end_to_end),
            "changes": asdict(self.changes),
            "comparison": self.comparison,
            "seconds": self.seconds,
        }


async def measure(bench: Bench, tell: Callable[[str], None]) -> Measured:
    """Build what is not built yet, measure everything and return what came of it.

    Args:
        bench: what is measured.
        tell: hears of every step, and when it begins.

    Raises:
        AisleError: something could not be had, built or started; the message says what.
    """
    began = time.monotonic()

    def say(what: str) -> None:
        tell(f"{time.monotonic() - began:7.0f} s  {what}")

    run, models = bench.folder / "run", served_models(bench.models)
    say("preparing Fashion-MNIST's photos")
    photos = await real_photos(bench.folder / "photos", bench.folder.parent / "cache", bench.photos, models)
    whole = await _built("whole", bench, bench.shape, photos=photos, models=models, say=say)
    least = _LEAST_IMAGES_PER_PRODUCT * bench.shape.products
    shape = replace(bench.shape, images=max(bench.shape.images // 10, least))
    tenth = await _built("tenth", bench, shape, photos=photos, models=models, say=say)
    shard = await measured_shard(run / "shard", whole, bench.queries, say)
    async with running_triton(TritonAloneSettings(run_folder=run / "triton", model_repository=bench.models)) as triton:
        end_to_end = await measured_end_to_end(
            run / "end-to-end",
            whole,
            tenth,
            photos,
            models,
            triton=triton,
            rounds=bench.rounds,
            shards_per_searcher=bench.shards_per_searcher,
            say=say,
        )
        changes = await measured_changes(
            run / "changes",
            whole,
            gallery_pictures(bench.folder / "photos")[:_ADDED_PICTURES],
            contents([photos.files[each.photo] for each in whole.shop.searched(photos)]),
            models,
            triton=triton,
            shards_per_searcher=bench.shards_per_searcher,
            say=say,
        )
    comparison = None
    if bench.comparer is not None:
        say("comparing with other engines")
        comparison = compared(bench.folder / "comparison", whole, bench.queries, bench.comparer)
    return Measured(whole, shard, end_to_end, changes, comparison, time.monotonic() - began)


async def _built(name: str, bench: Bench, shape: Shape, *, photos: Photos, models: ServedModels, say: Say) -> Built:
    shop = shop_of(shape, _SEED, photos, models.classifier.labels)
    return await asyncio.to_thread(built, bench.folder / name, shop, photos, models, say)
