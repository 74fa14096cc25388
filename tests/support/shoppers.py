"""A small shop to evaluate: a dataset folder with pictures, a fake gateway for it, and made-up observations."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from services.client.types import (
    Catalog,
    CatalogCategory,
    CategoryProbability,
    Coverage,
    ModelVersion,
    PhotoReport,
    Policy,
    ProductHit,
    Rung,
    SearchResult,
    ShardCoverage,
    ShardState,
    Verdict,
)
from services.common.errors import AisleError
from services.datasets.labelled import GalleryImage, write_dataset
from services.evaluation.observation import Observation, Query, ShownHit, Way
from services.evaluation.plan import PROBABILITY_MASSES
from services.evaluation.report import Extras, Setting, make_report
from services.evaluation.schema import Machine, Method, Report
from services.photo.labelled import LabelledPhoto

SNAPSHOT_ID = "20260131T120000Z-0123456789ab"
MODELS = (ModelVersion("embedder", "tiny-1", "a" * 64), ModelVersion("classifier", "tiny-2", "b" * 64))
PRODUCTS = {"shoe-1": "Shoe", "shoe-2": "Shoe", "bag-1": "Bag", "bag-2": "Bag", "hat-1": "Hat"}
GALLERY = {product: f"gallery/{product}.png" for product in PRODUCTS}
METHOD = Method(top_k=100, in_flight=1, timeout_seconds=2.0, seed=1, available_queries=10)
MACHINE = Machine(cpu="a processor", cores=2, memory_bytes=8 << 30, system="Linux", python="3.11", packages={})
SETTING = Setting("shop", "aisle evaluate shop", "2026-01-31T12:00:00+00:00", 1.5, MACHINE, METHOD)


def catalog(products: Mapping[str, str] = PRODUCTS, *, has_baseline: bool = True) -> Catalog:
    """Return what a gateway says that serves one image of each product."""
    names = sorted(set(products.values()))
    counts = {name: sum(category == name for category in products.values()) for name in names}
    categories = tuple(CatalogCategory(name, counts[name], counts[name], routable=True) for name in names)
    return Catalog(
        categories, SNAPSHOT_ID, "0123456789abcdef", MODELS, has_baseline, is_adaptive_fitted=True, attributes={}
    )


def make_shop(folder: Path, photos: Sequence[LabelledPhoto], products: Mapping[str, str] = PRODUCTS) -> Path:
    """Write a dataset folder with a picture for each product and photo, each of another colour."""
    paths = [f"gallery/{product}.png" for product in products] + [photo.photo_path for photo in photos]
    for number, path in enumerate(dict.fromkeys(paths)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        picture = np.full((24, 32, 3), (number * 5 % 256, number * 3 % 256, 128), np.uint8)
        (folder / path).write_bytes(cv2.imencode(Path(path).suffix, picture)[1].tobytes())
    write_dataset(
        folder,
        name="shop",
        image_root=Path(),
        catalogue=[GalleryImage(p, p, category, f"gallery/{p}.png") for p, category in products.items()],
        photos={"queries": photos},
        made_from={},
    )
    return folder


@dataclass
class FakeTarget:
    """Answers each photo with what was laid down for it and its policy; a `SearchTarget`.

    Attributes:
        answers: (photo's bytes, way to search it) -> the answer or the error; what is absent gets `default`.
        asked: every call, in order.
        most_in_flight: photos that were in work at the same time.
    """

    answers: dict[tuple[bytes, Way], SearchResult | AisleError] = field(default_factory=dict)
    default: SearchResult | AisleError | None = None
    has_baseline: bool = True
    asked: list[tuple[bytes, Way, int, float]] = field(default_factory=list)
    most_in_flight: int = 0
    _in_flight: int = 0

    async def catalog(self) -> Catalog:
        """Return the shop's categories."""
        return catalog(has_baseline=self.has_baseline)

    async def search(
        self,
        photo: bytes,
        *,
        timeout_seconds: float,
        top_k: int,
        policy: Policy,
        categories: Sequence[str],
        probability_mass: float | None,
        exact: bool,
    ) -> SearchResult:
        """Return or raise what was laid down."""
        way = Way(policy, tuple(categories), probability_mass, exact)
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        await asyncio.sleep(0)
        self._in_flight -= 1
        self.asked.append((photo, way, top_k, timeout_seconds))
        answer = self.answers.get((photo, way), self.default)
        if isinstance(answer, AisleError):
            raise answer
        return answer or result(["shoe-1"])


def result(
    products: Sequence[str],
    *,
    predicted: str | None = "Shoe",
    searched: Sequence[str] = ("Shoe",),
    late: Sequence[str] = (),
    snapshot_id: str = SNAPSHOT_ID,
    stages: Mapping[str, float] | None = None,
) -> SearchResult:
    """Return an answer as the client gives it, with these products, best first."""
    states = {**dict.fromkeys(searched, ShardState.ANSWERED), **dict.fromkeys(late, ShardState.LATE)}
    shards = tuple(ShardCoverage(name, state, 0.5, 1.5, "", exhausted=False, wave=1) for name, state in states.items())
    return SearchResult(
        hits=tuple(
            ProductHit(product, product, PRODUCTS[product], 0.9 - rank / 10, 0.8 - rank / 10, GALLERY[product])
            for rank, product in enumerate(products)
        ),
        categories=() if predicted is None else (CategoryProbability(predicted, 0.7), CategoryProbability("Hat", 0.1)),
        coverage=Coverage(1.0 - 0.5 * bool(late), 1.0, bool(late), shards),
        photo=PhotoReport("JPEG", 32, 24, 1, 1, cropped=False),
        timings_ms=stages or {"decode": 1.0, "embed": 10.0, "classify": 6.0, "scatter": 2.0, "total": 14.0},
        snapshot_id=snapshot_id,
        models=MODELS,
        rung=Rung.FULL,
        verdict=Verdict.MATCH,
    )


def seen(number: int, policy: Policy, ranks: tuple[int, ...] = (), **changes: Any) -> Observation:
    """Return an observation of one answer without hits, 10 ms late, unless told otherwise."""
    return replace(Observation(number, Way(policy), "ok", 10.0, ranks=ranks), **changes)


def report_of(queries: Sequence[Query], observations: Sequence[Observation], **extras: Sequence[Observation]) -> Report:
    """Return the shop's report of these observations."""
    return make_report(queries, observations, catalog(), GALLERY, SETTING, extras=Extras(**extras))


def query(number: int = 0, product: str = "shoe-1", category: str = "Shoe") -> Query:
    """Return a photo of one product."""
    return Query(f"photos/{number}.jpg", (product,) if product else (), (category,))


def random_report(photos: int = 40, seed: int = 1, policies: Sequence[Policy] = tuple(Policy)) -> Report:
    """Return the report of a made-up run in which the cascades do better than the baseline."""
    lot = random.Random(seed)
    queries = [
        query(number, product, PRODUCTS[product])
        for number, product in enumerate(lot.choices(list(PRODUCTS), k=photos))
    ]
    observations = [
        _random_answer(lot, queries[number], number, policy) for number in range(photos) for policy in policies
    ]
    return report_of(
        queries,
        observations,
        oracle=[seen(number, Policy.TOP_1, (1,), searched=queries[number].categories) for number in range(photos)],
        curve=[
            seen(
                number, Policy.TOP_P, (lot.choice((1, 2)),), searched=("Shoe", "Bag", "Hat")[: 1 + place // 3], way=way
            )
            for number in range(0, photos, 2)
            for place, way in enumerate(Way(Policy.TOP_P, probability_mass=mass) for mass in PROBABILITY_MASSES)
        ],
    )


def _random_answer(lot: random.Random, asked: Query, number: int, policy: Policy) -> Observation:
    is_baseline = policy is Policy.BASELINE
    rank = lot.choice((1, 2, 3, 7, 30)) if is_baseline else lot.choice((1, 1, 1, 2))
    [product] = asked.products
    first = product if rank == 1 else lot.choice([other for other in PRODUCTS if other != product])
    return seen(
        number,
        policy,
        (rank,),
        hits=(ShownHit(first, PRODUCTS[first], lot.random(), GALLERY[first]),),
        latency_ms=lot.uniform(10, 20),
        predicted=None if is_baseline else (lot.choice(sorted(set(PRODUCTS.values()))), 0.6),
        searched=("",) if is_baseline else asked.categories,
        stages_ms={"decode": 1.0, "embed": 8.0, "scatter": 1.0, "total": lot.uniform(11, 13)},
        verdict=Verdict.UNKNOWN if is_baseline else lot.choice((Verdict.MATCH, Verdict.NO_GOOD_MATCH)),
    )
