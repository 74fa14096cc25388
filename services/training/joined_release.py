"""Writes a repository whose one model is both embedder and classifier, from a repository that has them apart."""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx

from services.common.errors import FailedPrecondition, InvalidArgument, ModelOutputInvalid
from services.common.replacing import replaced_in_one_step
from services.models.golden import golden_picture
from services.models.metadata import CLASSIFIER, EMBEDDER, JOINED, OUTPUTS, ModelInfo
from services.models.repository import golden_file, read_repository
from services.training.graphs import read_graph
from services.training.joining import join
from services.training.measuring import cpu_ms_per_photo, machine
from services.training.release import refuse_existing
from services.training.repository import CARD, RECORD, Serving, config
from services.training.sessions import open_session

_SERVING: Final = Serving(preferred_batch_size=1, threads_per_instance=2)
"""With two threads a photo alone takes 4.9 ms instead of 6.5, and many take no longer: there is no second model to
fight over the cores with (docs/benchmarks)."""
_NOISE: Final = 7
"""Pictures besides the golden one on which the answers are compared; with it they fill a batch."""


@dataclass(frozen=True, slots=True)
class Join:
    """What was joined, and what it saves.

    Attributes:
        embedder: the one half.
        classifier: the other one.
        cpu_ms: processor time for a photo on one thread, milliseconds, by Triton's name for the model.
        file_bytes: of the model files, by the same names.
    """

    embedder: ModelInfo
    classifier: ModelInfo
    cpu_ms: Mapping[str, float]
    file_bytes: Mapping[str, int]


def join_repository(source: Path, out: Path, *, command: str, replace: bool) -> Join:
    """Join the two models of a repository in a new one; both stay what they are, so no new index is needed.

    Args:
        source: has an embedder and a classifier that share their network.
        out: the model repository to write; it appears in one step.
        command: what was typed, for the card.
        replace: whether an older repository at `out` may go.

    Raises:
        FailedPrecondition: the source lacks one of the two, or they can't be joined; the message says why.
        InvalidArgument: there is something at `out` that may not be replaced, or it is the source, or in or around it.
        ModelOutputInvalid: the joined model does not answer what the two do, bit for bit.
    """
    _refuse_overlap(source, out)
    refuse_existing(out, replace=replace)
    infos = {model.info.name: model.info for model in read_repository(source)}
    for name in OUTPUTS:
        if name not in infos or infos[name].joined:
            raise FailedPrecondition(f"{source} has no {name} of its own to join")
    _refuse_other_preprocessing(infos[EMBEDDER], infos[CLASSIFIER])
    files = {name: _model_file(source / name) for name in OUTPUTS}
    graphs = [read_graph(files[name]) for name in (EMBEDDER, CLASSIFIER)]
    with replaced_in_one_step(out.absolute()) as fresh:
        folder = fresh / JOINED
        file = folder / "1" / "model.onnx"
        file.parent.mkdir(parents=True)
        onnx.save(join(*graphs), str(file))
        side = infos[EMBEDDER].input_height
        _refuse_other_answers(file, files, side)
        files[JOINED] = file
        cpu_ms = cpu_ms_per_photo({name: (path, side) for name, path in files.items()})
        sizes = {name: path.stat().st_size for name, path in files.items()}
        embedder, classifier = (dataclasses.replace(infos[name], joined=True) for name in (EMBEDDER, CLASSIFIER))
        done = Join(embedder, classifier, cpu_ms, sizes)
        _write_beside(file, source, done, command)
    return done


def _refuse_overlap(source: Path, out: Path) -> None:
    """Refuse a place from which the two models would go, or among which Triton would look for a third one."""
    here, there = source.resolve(), out.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise InvalidArgument(
            f"{out} and {source} are the same folder or one in the other, and the two models stay what they are: "
            "choose another place",
            field="--out",
        )


def _refuse_other_preprocessing(embedder: ModelInfo, classifier: ModelInfo) -> None:
    """One model gets one picture, so both must want it made in the same way; their graphs say only how large."""
    if embedder.preprocessing != classifier.preprocessing:
        raise FailedPrecondition(
            f"the embedder takes photos prepared by {embedder.preprocessing} and the classifier by "
            f"{classifier.preprocessing}: they can't be one model; fit both for the same"
        )


def _write_beside(file: Path, source: Path, done: Join, command: str) -> None:
    """Write what belongs to a model file; each half's golden answer, card and record are the ones that it had."""
    folder, halves = file.parents[1], (done.embedder, done.classifier)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    parameters = {
        "sha256": digest,
        "preprocessing": done.embedder.preprocessing,
        "labels": json.dumps(list(done.classifier.labels), ensure_ascii=False),
    }
    for half in halves:
        parameters |= {f"{half.name}_sha256": half.sha256, f"{half.name}_model_version": half.version}
        shutil.copyfile(source / half.name / "golden.json", folder / golden_file(half))
        shutil.copyfile(source / half.name / CARD, folder / f"{half.name}.{CARD}")
    outputs = {OUTPUTS[half.name]: half.output_size for half in halves}
    text = config(JOINED, done.embedder.input_height, outputs, parameters, _SERVING)
    (folder / "config.pbtxt").write_text(text, encoding="utf-8")
    (folder / CARD).write_text(_card(done, digest, command), encoding="utf-8")
    if (source / CLASSIFIER / RECORD).exists():
        shutil.copyfile(source / CLASSIFIER / RECORD, folder / RECORD)


def _refuse_other_answers(joined: Path, files: Mapping[str, Path], side: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (_NOISE, side, side, 3), np.uint8)
    pictures = np.concatenate([golden_picture(side, side)[None], noise])
    both = open_session(joined, threads=1)
    apart = {name: open_session(file, threads=1) for name, file in files.items()}
    for pixels in (pictures[:1], pictures):
        answers = zip(OUTPUTS, both.run(list(OUTPUTS.values()), {"pixels": pixels}), strict=True)
        for name, answer in answers:
            if not np.array_equal(answer, apart[name].run(None, {"pixels": pixels})[0]):
                raise ModelOutputInvalid(f"the joined model does not answer what the {name} does")


def _model_file(folder: Path) -> Path:
    versions = (file for file in folder.glob("*/model.onnx") if file.parent.name.isdecimal())
    return max(versions, key=lambda file: int(file.parent.name))


def _card(done: Join, sha256: str, command: str) -> str:
    embedder, classifier = done.embedder, done.classifier
    side, vector, labels = embedder.input_height, embedder.output_size, classifier.output_size
    joined_ms, embedder_ms, classifier_ms = (done.cpu_ms[name] for name in (JOINED, EMBEDDER, CLASSIFIER))
    return f"""# Embedder and classifier in one

Answers what the embedder {embedder.version} and the classifier {classifier.version} do, and computes the network that
they share once.

| | |
|---|---|
| Input | `pixels` uint8 [N, {side}, {side}, 3] RGB, the whole photo resized to a square |
| Output | `embedding` float32 [N, {vector}], of the space of the embedder's file |
| Output | `probabilities` float32 [N, {labels}], in the order of the parameter `labels` in config.pbtxt |
| Made by | `{command}` |
| SHA-256 of `1/model.onnx` | `{sha256}` |
| Against the two files | the same numbers, bit for bit, on {_NOISE + 1} pictures, alone and together |
| CPU time | {joined_ms:.1f} ms a photo, one thread; embedder {embedder_ms:.1f} ms, classifier {classifier_ms:.1f} ms |

Measured on a {machine()}. Quality, data, licence, intended use and limits are those of the two:
[embedder](embedder.{CARD}), [classifier](classifier.{CARD}).
"""
