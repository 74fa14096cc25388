"""Evaluates a gateway, with a progress bar."""

from dataclasses import dataclass
from pathlib import Path

from services.cli.credentials import credentials
from services.cli.finding import explaining
from services.cli.progress import steps
from services.client import AisleClient
from services.evaluation.evaluate import EvaluationOptions, evaluate
from services.evaluation.schema import Report


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """What to evaluate.

    Attributes:
        dataset_folder: with labelled photos.
        out: folder for the report.
        command: what was typed, for the report.
        options: what is measured, and how.
    """

    dataset_folder: Path
    out: Path
    command: str
    options: EvaluationOptions


async def evaluate_gateway(job: EvaluationJob, gateway: str) -> Report:
    """Search the labelled photos through the gateway at `host:port`; write and return the report.

    Raises:
        AisleError: as `services.evaluation.evaluate.evaluate`.
    """
    with explaining(gateway), steps() as progress:
        async with AisleClient(gateway, credentials()) as client:
            return await evaluate(
                job.dataset_folder, client, job.out, command=job.command, options=job.options, progress=progress
            )
