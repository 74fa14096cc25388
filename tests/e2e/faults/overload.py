"""Situations of too much work, with the demo's models: what is answered in time, what is refused, and how soon."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from services.benchmarks.targets import Target
from services.cli.supervising.machine import free_ports
from services.client import Criticality, Policy, Rung
from tests.e2e.faults.measuring import Situation, capacity, gauge, share
from tests.support.faults.history import History, Outcome, Question, asked, poisson
from tests.support.faults.system import running

DEADLINE_SECONDS: Final = 0.25
INSTANCES: Final = 4.0
"""Of the demo's models. Each ends what it was computing when it was stopped, and may begin one more batch, which Triton
reads in the moment before it reads that the callers are gone."""
CASCADE: Final = Question(0, 0.0, 0, Policy.TOP_P)
IMPATIENT: Final = replace(CASCADE, timeout_seconds=DEADLINE_SECONDS)
_SECONDS = 20.0


def in_time(history: History) -> float:
    """Return how many were answered within the deadline, counted from when they should have been asked, a second."""
    good = [each for each in history.outcomes if each.found and each.late_by + each.seconds <= DEADLINE_SECONDS]
    return len(good) / _SECONDS


async def overloaded(folder: Path, seed: int) -> list[Target]:
    """Once and a half, twice and five times as much as the system can do."""
    targets = []
    async with running(folder, demo=True, gateways=1, tritons=1) as system:
        peak = await capacity(system.target, Policy.TOP_P, seconds=8.0)
        for factor, least in ((1.5, 85.0), (2.0, 85.0), (5.0, 70.0)):
            history = await asked(system.target, list(poisson(factor * peak, _SECONDS, seed, IMPATIENT)))
            calm = await asked(system.target, list(poisson(0.5 * peak, 15.0, seed, IMPATIENT)))
            accepted = [each.seconds for each in history.outcomes if each.found]
            refused = [each.seconds for each in history.outcomes if each.code == "RESOURCE_EXHAUSTED"]
            after = calm.between(10.0, 15.0)
            neither = [each for each in history.outcomes if not each.found and each.code != "RESOURCE_EXHAUSTED"]
            figures = {
                "in_time_percent": 100.0 * in_time(history) / peak,
                "neither_percent": share(neither, history.outcomes),
                "accepted_p99_seconds": float(np.quantile(accepted, 0.99)) if accepted else 0.0,
                "refused_p50_seconds": float(np.median(refused)) if refused else DEADLINE_SECONDS,
                "normal_after_10_s_percent": share(after.full, after.outcomes),
            }
            reach = {
                "in_time_percent": least,
                "neither_percent": 5.0,
                "accepted_p99_seconds": DEADLINE_SECONDS,
                "refused_p50_seconds": 0.005,
                "normal_after_10_s_percent": 99.0,
            }
            at_most = ["neither_percent", "accepted_p99_seconds", "refused_p50_seconds"]
            name = f"{factor:g}x the capacity ({peak:.0f}/s) offered, 250 ms"
            targets.append(Target(name, reach, figures, at_most))
    return targets


async def batch_fills(folder: Path, seed: int) -> list[Target]:
    """Jobs take all that people leave."""
    async with running(folder, demo=True, gateways=1, tritons=1) as system:
        peak = await capacity(system.target, Policy.TOP_P)
        jobs = replace(CASCADE, timeout_seconds=2.0, criticality=Criticality.BATCH)
        alone, together = list[Outcome](), list[Outcome]()
        for turn in range(5):  # in turns, for a shared machine is not always as fast
            people = list(poisson(0.3 * peak, _SECONDS / 2, seed + turn, CASCADE))
            alone += (await asked(system.target, people)).outcomes
            more = list(poisson(1.5 * peak, _SECONDS / 2 + 2.0, seed + turn, jobs))
            flood = asyncio.create_task(asked(system.target, more))
            await asyncio.sleep(1.0)
            together += (await asked(system.target, people)).outcomes
            await flood
    late = [np.quantile([each.seconds for each in outcomes], 0.99) for outcomes in (alone, together)]
    figures = {"ratio": float(late[1] / late[0]), "less_than_full_percent": share(_degraded(together), together)}
    reach = {"ratio": 1.2, "less_than_full_percent": share(_degraded(alone), alone) + 5.0}
    return [Target("batch fills the system: interactive p99, with it to alone", reach, figures, list(reach))]


def _degraded(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [each for each in outcomes if each.found is None or each.found.rung != Rung.FULL.value]


async def frozen_model(folder: Path, seed: int) -> list[Target]:
    """The models hang for two seconds; whoever asked meanwhile is gone when they go on."""
    [port] = free_ports(1)
    triton_options = ("--metrics-port", str(port))
    async with running(folder, demo=True, gateways=1, tritons=1, triton_options=triton_options) as system:
        rate = 0.5 * await capacity(system.target, Policy.TOP_P)
        loading = asyncio.create_task(asked(system.target, list(poisson(rate, 4.5, seed, IMPATIENT))))
        await asyncio.sleep(3.0)
        before = await gauge(port, "nv_inference_exec_count")
        system.members["triton-0"].stop()
        frozen = await loading
        await asyncio.sleep(0.5)
        system.members["triton-0"].go_on()
        await asyncio.sleep(1.0)
        executions = await gauge(port, "nv_inference_exec_count") - before
        after = await asked(system.target, list(poisson(rate, 10.0, seed + 1, IMPATIENT)))
    meanwhile = frozen.between(3.25, 4.5)
    refused = [each for each in meanwhile.outcomes if each.seconds < 0.05]
    figures = {
        "executions_since": executions,
        "refused_at_once_percent": share(refused, meanwhile.outcomes),
        "late": float(len([each for each in frozen.outcomes if each.seconds > DEADLINE_SECONDS + 0.02])),
        "full_afterwards_percent": share(after.full, after.outcomes),
    }
    reach = {
        "executions_since": 2 * INSTANCES,
        "refused_at_once_percent": 80.0,
        "late": 0.0,
        "full_afterwards_percent": 99.0,
    }
    return [Target("a model frozen for 2 s, 250 ms", reach, figures, ["executions_since", "late"])]


SITUATIONS: Final[Mapping[str, Situation]] = {
    "overload": overloaded,
    "batch-fills": batch_fills,
    "frozen-model": frozen_model,
}
