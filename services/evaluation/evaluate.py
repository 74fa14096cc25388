"""Evaluates a running gateway on a dataset folder's labelled photos, and writes the report."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from services.client.types import Catalog, Policy
from services.common.errors import CatalogueInvalid, PolicyUnavailable, UnknownCategory
from services.datasets.labelled import Dataset, read_dataset, read_photos
from services.evaluation.machine import this_machine
from services.evaluation.observation import POLICIES, Gallery, Query, queries_of
from services.evaluation.page import render
from services.evaluation.plan import choose
from services.evaluation.report import Setting, make_report
from services.evaluation.run import Progress, RunOptions, SearchTarget, observe
from services.evaluation.schema import Method, Report
from services.indexer.catalogue import read_catalogue

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"


async def evaluate(
    folder: Path,
    target: SearchTarget,
    out: Path,
    *,
    command: str,
    policies: Sequence[Policy] = POLICIES,
    limit: int | None = None,
    options: RunOptions | None = None,
    progress: Progress = lambda *_: None,
) -> Report:
    """Send a dataset's labelled photos under every policy; write `report.json` and `report.html`.

    Args:
        folder: the dataset folder; the gateway must serve a snapshot of its catalogue.
        target: the gateway.
        out: folder of the two files, made when it is missing.
        command: what was typed, for the report.
        policies: what to search with; gains need the baseline among them.
        limit: photos to take at most, drawn by lot; None takes all.
        options: how to send them.
        progress: hears of every search.

    Raises:
        CatalogueInvalid: the dataset folder is none, or has no labelled photos.
        PolicyUnavailable: the baseline is asked for and the snapshot was built without its index.
        UnknownCategory: no photo is of a category that the gateway serves: it serves another catalogue.
        SnapshotMismatch: the gateway switched to another snapshot during the run.
        Unavailable: the gateway can't be reached, or is gone.
    """
    options = options or RunOptions()
    dataset = read_dataset(folder)
    available = _labelled(dataset)
    queries = choose(available, limit, options.seed)
    gallery = _gallery(dataset)
    catalog = await target.catalog()
    _refuse_what_cannot_be(dataset, queries, policies, catalog)
    began = time.monotonic()
    observations = await observe(target, queries, dataset.image_root, policies, options, progress=progress)
    setting = Setting(
        dataset=dataset.name,
        command=command,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_seconds=time.monotonic() - began,
        machine=this_machine(),
        method=Method(
            top_k=options.top_k,
            in_flight=options.in_flight,
            timeout_seconds=options.timeout_seconds,
            seed=options.seed,
            available_queries=len(available),
        ),
    )
    report = make_report(queries, observations, catalog, gallery, setting)
    write_report(report, dataset.image_root, out)
    return report


def write_report(report: Report, image_root: Path, out: Path) -> None:
    """Write `report.json` and `report.html` into `out`; each appears in one step.

    Args:
        report: the report.
        image_root: where the pictures of its cases lie.
        out: the folder, made when it is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name, text in ((REPORT_JSON, report.to_json()), (REPORT_HTML, render(report, image_root))):
        unfinished = out / f".{name}.unfinished"
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(out / name)


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
    served = {category.category for category in catalog.categories}
    if not any(served.intersection(query.categories) for query in queries):
        raise UnknownCategory(
            f"the gateway serves none of the categories of dataset {dataset.name}; index and serve that dataset first",
            field="dataset",
        )
