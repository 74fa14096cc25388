"""One fit, from a dataset folder to a model repository: what `aisle fit` does."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.datasets.labelled import read_dataset
from services.training.base import Base, read_base
from services.training.doubts import doubts
from services.training.features import Progress
from services.training.finishing import Calibrated, calibrate, classifier_in_int8, embedder_in_int8, retrieval
from services.training.fitted import EpochReport, FittedModel, Report, TrainingData
from services.training.head import HeadRecipe, NewProducts, accuracy_on_new_products, fit_head
from services.training.measurements import EXACT
from services.training.measuring import cpu_ms_per_photo, machine
from services.training.preparing import Prepared, alone_in, prepare
from services.training.record import ClassifierFacts, Counts, EmbedderFacts, FitRecord, Quantised, Retrieval
from services.training.release import Release, publish, refuse_existing, version_of
from services.training.sessions import size_of
from services.training.ways import Made, Material, WayName, way_of


@dataclass(frozen=True)
class FitJob:
    """What to fit.

    Attributes:
        way: how.
        dataset_folder: with a catalogue and a table `train`.
        out: the model repository to write.
        base: the model repository whose embedder is started from.
        work: where unfinished work lies.
        command: what was typed, for the cards.
        seed: decides every lot.
        tuning: what differs from the recipe of fine-tuning, by its fields.
        int8: whether the models are served in int8.
        keep_embedder: whether the base's embedder is served as it is.
        replace: whether an older repository at `out` may go.
    """

    way: WayName
    dataset_folder: Path
    out: Path
    base: Path
    work: Path
    command: str
    seed: int
    tuning: Mapping[str, int]
    int8: bool
    keep_embedder: bool
    replace: bool


def fit(job: FitJob, progress: Progress, report: Report) -> FitRecord:
    """Fit both models and publish them.

    Args:
        job: what to fit.
        progress: told how far each stage is.
        report: told about every epoch.

    Returns:
        What is known about the fit, which the cards say too.

    Raises:
        CatalogueInvalid: the dataset can't be fitted to; the message says why.
        InvalidArgument: there is something at `job.out` that may not be replaced, or a head is asked for what only
            fine-tuning has.
        FailedPrecondition: the base can't be started from, torch is missing, or another fit is at the same work.
        ModelOutputInvalid: a file does not say what was fitted.
    """
    began = time.monotonic()
    refuse_existing(job.out, replace=job.replace)
    way, base, dataset = way_of(job.way, job.seed, job.tuning), read_base(job.base), read_dataset(job.dataset_folder)
    choices = {**way.recipe, "keep_embedder": job.keep_embedder}
    prepared = prepare(dataset, base, choices, seed=job.seed, work=job.work, progress=progress)
    with alone_in(prepared.folder):
        data, epochs = prepared.settled.data, list[EpochReport]()

        def told(epoch: EpochReport) -> None:
            epochs.append(epoch)
            report(epoch)

        head = fit_head(data, prepared.bank, HeadRecipe(), told if job.way is WayName.HEAD else lambda _: None)
        made = way.make(Material(data, prepared.bank, base, head, prepared.folder, job.keep_embedder), told)
        served = _serve(job, made, base, prepared)
        new_products = accuracy_on_new_products(data, prepared.bank, head.penalty, HeadRecipe(), job.seed)
        judged = _judge(served, made, base, data, new_products)
        record = FitRecord(
            way=job.way.value,
            dataset=dataset.name,
            command=job.command,
            machine=machine(),
            recipe={key: str(value) for key, value in choices.items()},
            epochs=tuple(epochs),
            seconds=time.monotonic() - began + sum(epoch.seconds for epoch in epochs if epoch.is_repeated),
            counts=_counts(prepared),
            warnings=(*prepared.settled.warnings, *doubts(job.way.value, judged.classifier, judged.retrieval)),
            classifier=judged.classifier,
            embedder=judged.embedder,
            retrieval=judged.retrieval,
        )
        release = Release(served.calibrated.model.file, served.embedder.file if served.is_new_embedder else None, base)
        publish(job.out, release, record, data.categories, replace=job.replace)
        return record


@dataclass(frozen=True)
class _Judged:
    """What was measured of the served models."""

    classifier: ClassifierFacts
    embedder: EmbedderFacts
    retrieval: Retrieval | None


@dataclass(frozen=True)
class _Served:
    """The files that are served, and what int8 cost them."""

    calibrated: Calibrated
    classifier_cost: Quantised | None
    embedder: FittedModel
    embedder_cost: Quantised | None
    is_new_embedder: bool


def _serve(job: FitJob, made: Made, base: Base, prepared: Prepared) -> _Served:
    """Turn what was made into what is served."""
    data, folder = prepared.settled.data, prepared.folder
    classifier, classifier_cost = made.fitted.classifier, None
    as_it_was = FittedModel(base.file, base.side, EXACT)
    embedder, embedder_cost = made.fitted.embedder or as_it_was, None
    if job.int8:
        classifier, classifier_cost = classifier_in_int8(classifier, data, folder)
        if not job.keep_embedder:
            embedder, embedder_cost = embedder_in_int8(embedder, data, folder)
    calibrated = calibrate(classifier, data, folder)
    return _Served(calibrated, classifier_cost, embedder, embedder_cost, embedder is not as_it_was)


def _judge(served: _Served, made: Made, base: Base, data: TrainingData, new_products: NewProducts | None) -> _Judged:
    """Measure what is served."""
    classifier = served.calibrated.model
    cpu_ms = cpu_ms_per_photo(
        {"classifier": (classifier.file, classifier.side), "embedder": (served.embedder.file, served.embedder.side)}
    )
    facts = ClassifierFacts(
        version=version_of(classifier.file, f"lite0-{made.kind}{len(data.categories)}"),
        side=classifier.side,
        parity=made.fitted.classifier.parity,
        temperature=served.calibrated.temperature,
        calibration_error_before=served.calibrated.error_before,
        calibration_error=served.calibrated.error,
        accuracy=served.calibrated.accuracy,
        new_products=new_products,
        quantised=served.classifier_cost,
        cpu_ms=cpu_ms["classifier"],
    )
    found = retrieval(served.embedder, data)
    return _Judged(facts, _embedder_facts(served, made, base, cpu_ms["embedder"]), found)


def _counts(prepared: Prepared) -> Counts:
    data = prepared.settled.data
    return Counts(
        train_photos=len(data.train),
        val_photos=len(data.val),
        gallery_pictures=len(data.gallery),
        categories=len(data.categories),
        products=len(set(data.gallery.products)),
        unreadable=prepared.unreadable,
    )


def _embedder_facts(served: _Served, made: Made, base: Base, cpu_ms: float) -> EmbedderFacts:
    dimension = base.info.output_size if made.fitted.embedder is None else size_of(served.embedder.file)
    is_new = served.is_new_embedder
    return EmbedderFacts(
        version=version_of(served.embedder.file, f"lite0-fit{dimension}") if is_new else base.info.version,
        side=served.embedder.side,
        dimension=dimension,
        base_version=base.info.version,
        why=made.adaptation.why,
        before=made.adaptation.base,
        chosen=made.adaptation.chosen,
        candidates=made.adaptation.candidates,
        parity=served.embedder.parity if is_new else None,
        quantised=served.embedder_cost,
        cpu_ms=cpu_ms,
    )
