"""Evaluates a running gateway on a dataset folder's labelled photos, and writes the report."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from services.client.types import Catalog, Policy
from services.common.errors import CatalogueInvalid, PolicyUnavailable, UnknownCategory
from services.common.replacing import write_in_one_step
from services.datasets.labelled import Dataset, read_dataset
from services.evaluation.losses import unexplained
from services.evaluation.machine import this_machine
from services.evaluation.observation import POLICIES, Gallery, Observation, Query, Way, queries_of
from services.evaluation.page import render
from services.evaluation.plan import Turn, choose, curve_turns, index_turns, interleave, oracle_turns
from services.evaluation.report import Extras, Setting, make_report
from services.evaluation.run import Run, SearchTarget
from services.evaluation.schema import Method, Report
from services.indexer.catalogue import read_catalogue
from services.photo.labelled import read_photos

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"

Progress = Callable[[str, int, int], None]
"""Called with what the searches are for, those done, and their total."""

_EXTRAS_IN_FLIGHT = 4  # nobody times them


@dataclass(frozen=True)
class EvaluationOptions:
    """What is measured, and how."""

    policies: Sequence[Policy] = POLICIES
    """What to search with; gains need the baseline among them."""
    limit: int | None = None
    """Photos to take at most, drawn by lot; None takes all."""
    in_flight: int = 1
    """Photos in flight in the timed run; more is faster, but their latencies are no longer those of an idle system."""
    curve_photos: int = 200
    """Photos for the curve of accuracy against shards searched, each searched seven times; 0 leaves it out."""
    seed: int = 20
    """Decides which photos are taken, their order, that of the policies, and the bootstrap."""
    top_k: int = 100
    """Products asked for; mAP and MRR see no further."""
    timeout_seconds: float = 2.0
    """Deadline of each search; the gateway's own default."""


async def evaluate(
    folder: Path,
    target: SearchTarget,
    out: Path,
    *,
    command: str,
    options: EvaluationOptions | None = None,
    progress: Progress = lambda *_: None,
) -> Report:
    """Send a dataset's labelled photos under every policy; write `report.json` and `report.html`.

    Args:
        folder: the dataset folder; the gateway must serve a snapshot of its catalogue.
        target: the gateway.
        out: folder of the two files, made when it is missing.
        command: what was typed, for the report.
        options: what is measured, and how.
        progress: hears of every search: what for, searches done, their total.

    Raises:
        CatalogueInvalid: the dataset folder is none, or has no labelled photos.
        PolicyUnavailable: the baseline is asked for and the snapshot was built without its index.
        UnknownCategory: no photo is of a category that the gateway serves: it serves another catalogue.
        SnapshotMismatch: the gateway switched to another snapshot during the run.
        Unavailable: the gateway can't be reached, or is gone.
    """
    options = options or EvaluationOptions()
    dataset = read_dataset(folder)
    available = _labelled(dataset)
    queries = choose(available, options.limit, options.seed)
    gallery = _gallery(dataset)
    catalog = await target.catalog()
    _refuse_what_cannot_be(dataset, queries, options.policies, catalog)
    run = Run(target, queries, dataset.image_root, top_k=options.top_k, timeout_seconds=options.timeout_seconds)
    ways = [Way(policy) for policy in options.policies]
    await run.warm_up(ways)
    began = time.monotonic()
    observations = await run.observe(
        interleave(len(queries), ways, options.seed),
        in_flight=options.in_flight,
        progress=partial(progress, "searching"),
    )
    duration_seconds = time.monotonic() - began

    async def ask(what: str, turns: Sequence[Turn]) -> list[Observation]:
        return await run.observe(turns, in_flight=_EXTRAS_IN_FLIGHT, progress=partial(progress, what))

    extras = Extras(  # after the timed run, whose latencies they must not disturb
        oracle=await ask("with a perfect classifier", oracle_turns(queries, _served(catalog))),
        exact=await ask("without indexes", index_turns(unexplained(queries, observations, gallery))),
        curve=await ask("in more and more aisles", curve_turns(queries, options.curve_photos, options.seed)),
    )
    setting = Setting(
        dataset=dataset.name,
        command=command,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_seconds=duration_seconds,
        machine=this_machine(),
        method=Method(
            top_k=options.top_k,
            in_flight=options.in_flight,
            timeout_seconds=options.timeout_seconds,
            seed=options.seed,
            available_queries=len(available),
        ),
    )
    report = make_report(queries, observations, catalog, gallery, setting, extras=extras)
    write_report(report, dataset.image_root, out)
    return report


def check_dataset(folder: Path) -> None:
    """Find out whether there is anything to evaluate with, before a system is started for it.

    Raises:
        CatalogueInvalid: the dataset folder is none, or has no labelled photos.
    """
    _labelled(read_dataset(folder))


def write_report(report: Report, image_root: Path, out: Path) -> None:
    """Write `report.json` and `report.html` into `out`; each appears in one step.

    Args:
        report: the report.
        image_root: where the pictures of its cases lie.
        out: the folder, made when it is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_in_one_step(out / REPORT_JSON, report.to_json())
    write_in_one_step(out / REPORT_HTML, render(report, image_root))


def _labelled(dataset: Dataset) -> list[Query]:
    if dataset.queries is None:
        raise CatalogueInvalid(f"dataset {dataset.name} has no labelled photos to evaluate with", field="queries")
    return queries_of(read_photos(dataset.queries, dataset.image_root))


def _gallery(dataset: Dataset) -> Gallery:
    catalogue = read_catalogue(dataset.catalogue)
    gallery: dict[str, str] = {}
    for product_id, path in zip(catalogue.strings("product_id"), catalogue.strings("image_path"), strict=True):
        gallery.setdefault(product_id, path)
    return gallery


def _refuse_what_cannot_be(
    dataset: Dataset, queries: Sequence[Query], policies: Sequence[Policy], catalog: Catalog
) -> None:
    if Policy.BASELINE in policies and not catalog.has_baseline:
        raise PolicyUnavailable(
            f"snapshot {catalog.snapshot_id} has no baseline index; build it with one, or leave out that policy",
            field="policies",
        )
    served = _served(catalog)
    if not any(served.intersection(query.categories) for query in queries):
        raise UnknownCategory(
            f"the gateway serves none of the categories of dataset {dataset.name}; index and serve that dataset first",
            field="dataset",
        )


def _served(catalog: Catalog) -> set[str]:
    return {category.category for category in catalog.categories}
