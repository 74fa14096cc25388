"""Evaluates a gateway, with a progress bar."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.cli.progress import steps
from services.client import AisleClient, Policy
from services.evaluation.evaluate import evaluate
from services.evaluation.observation import POLICIES
from services.evaluation.run import RunOptions
from services.evaluation.schema import Report


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """What to evaluate.

    Attributes:
        dataset_folder: with labelled photos.
        out: folder for the report.
        command: what was typed, for the report.
        policies: to compare.
        limit: photos to take at most; None takes all.
        in_flight: photos in flight.
    """

    dataset_folder: Path
    out: Path
    command: str
    policies: Sequence[Policy] = POLICIES
    limit: int | None = None
    in_flight: int = 1


async def evaluate_gateway(job: EvaluationJob, gateway: str) -> Report:
    """Search the labelled photos through the gateway at `host:port`; write and return the report.

    Raises:
        AisleError: as `services.evaluation.evaluate.evaluate`.
    """
    async with AisleClient(gateway) as client:
        with steps() as progress:
            return await evaluate(
                job.dataset_folder,
                client,
                job.out,
                command=job.command,
                policies=job.policies,
                limit=job.limit,
                options=RunOptions(in_flight=job.in_flight),
                progress=lambda done, total: progress("searching", done, total),
            )
