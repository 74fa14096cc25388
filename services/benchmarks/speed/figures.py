"""What the benchmark measures, and the promise's rows of it."""

from dataclasses import asdict, dataclass
from typing import Any

from services.benchmarks.speed import promise
from services.benchmarks.speed.ceiling import Cost
from services.benchmarks.speed.large_shard import LargeShard
from services.benchmarks.speed.limit import LimitAlone
from services.benchmarks.speed.ratios import Ratio
from services.benchmarks.speed.soak import Soak
from services.benchmarks.targets import Target
from services.evaluation.machine import this_machine
from services.loadtest.schema import Knee


@dataclass(frozen=True, slots=True)
class OneInFlight:
    """Photos one by one, in turns with the limit and with Triton called straight.

    Attributes:
        to_limit: p50 to the limit's.
        straight_to_limit: the same of Triton called straight from the client.
        p50_ms: median of the turns.
        straight_p50_ms: of Triton called straight.
        limit_p50_ms: the limit's.
        own_work_ms: the gateway's, p50 over all photos.
    """

    to_limit: Ratio
    straight_to_limit: Ratio
    p50_ms: float
    straight_p50_ms: float
    limit_p50_ms: float
    own_work_ms: float


@dataclass(frozen=True, slots=True)
class AtTheKnee:
    """The highest rate that keeps p99, in turns with the limit.

    Attributes:
        to_limit: its rate to the limit's.
        straight_to_limit: the photos a second of Triton called straight from the client, to the limit's.
        photos_per_second: the median of the searches.
        knees: each search, as the load test tells it.
        limits, straights: photos a second, before and after each search.
        doubts: why the load generator does not vouch for a search; None where it does.
    """

    to_limit: Ratio
    straight_to_limit: Ratio
    photos_per_second: float
    knees: list[Knee]
    limits: list[float]
    straights: list[float]
    doubts: list[str | None]

    def target(self) -> Target:
        """Return its row of the promise."""
        not_vouched_for = sum(doubt is not None for doubt in self.doubts)
        return promise.throughput_target(self.to_limit.value, not_vouched_for)


@dataclass(frozen=True, slots=True)
class Processor:
    """Processor time of all processes for a photo, milliseconds, two photos in flight."""

    cascade_to_baseline: Ratio
    cascade_ms: float
    baseline_ms: float


@dataclass(frozen=True, slots=True)
class OneBackbone:
    """The demo with both models in one, in turns with the demo as it is.

    Attributes:
        to_two_models: its photos a second to those with two models, by TOP_1, eight in flight.
        photos_per_second: median of its turns.
        two_models_photos_per_second: median of the other's.
        one_shard: TOP_1's processor time to the baseline's, with one model.
        adaptive: the same of ADAPTIVE, for which the shards of a head that is less sure count.
    """

    to_two_models: Ratio
    photos_per_second: float
    two_models_photos_per_second: float
    one_shard: Processor
    adaptive: Processor


@dataclass(frozen=True, slots=True)
class GatewayAlone:
    """One gateway before stubs.

    Attributes:
        usual: photos of 30 kB.
        large: a photo of 3 MB.
        ready_seconds: from its start until it served, the median of some starts.
    """

    usual: Cost
    large: Cost
    ready_seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it.

    Attributes:
        onnxruntime: its version, here and in Triton.
        gateway: before stubs.
        large_shard: a searcher of 60,000 vectors.
        limit: by itself.
        same_answers: share of photos for which system and limit find the same products in the same order.
        one_in_flight, processor, at_the_knee: of the demo's system.
        one_backbone: of its twin with one model.
        soak: its long run; None when none was wanted.
        gateway_bytes: what the demo's gateway keeps in memory after all of that.
        seconds: what measuring took.
    """

    onnxruntime: str
    gateway: GatewayAlone
    large_shard: LargeShard
    limit: LimitAlone
    same_answers: float
    one_in_flight: OneInFlight
    processor: Processor
    at_the_knee: AtTheKnee
    one_backbone: OneBackbone
    soak: Soak | None
    gateway_bytes: int
    seconds: float

    def targets(self) -> list[Target]:
        """Return one target per row of the promise."""
        rows = [
            promise.latency_target(self.one_in_flight.to_limit.value),
            self.at_the_knee.target(),
            promise.own_work_target(self.one_in_flight.own_work_ms),
            promise.ceiling_target(self.gateway.usual.photos_per_second),
            promise.one_backbone_target(self.one_backbone.to_two_models.value),
            promise.cascade_target(
                self.processor.cascade_to_baseline.value, self.one_backbone.one_shard.cascade_to_baseline.value
            ),
            promise.start_target(self.gateway.ready_seconds, self.large_shard.ready_seconds),
            promise.memory_target(self.gateway_bytes, self.large_shard.resident_bytes),
        ]
        if self.soak is not None:
            rows.append(self.soak.target())
        return rows

    def further(self) -> dict[str, Any]:
        """Return what else a reader may want to know."""
        figures = asdict(self)
        figures["at_the_knee"]["knees"] = [knee.model_dump() for knee in self.at_the_knee.knees]
        return {"machine": this_machine().model_dump(), **figures}
