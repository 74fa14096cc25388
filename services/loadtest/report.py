"""From a measurement to its report, with the verdict on itself. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from services.evaluation.schema import Machine
from services.loadtest import statistics
from services.loadtest.consumption import Sample, busiest_sender, by_second, cores, others, others_by_second, usages
from services.loadtest.measured import Measured
from services.loadtest.schema import Client, Knee, KneeStep, Report, Second, Server, SloBound
from services.loadtest.slo import Slo, kept
from services.loadtest.tally import Tally
from services.loadtest.verdict import Instrument, doubts

_USUALLY_NEEDED = 0.99
"""The quantile that a run without an objective is about."""


@dataclass(frozen=True)
class Setting:
    """What a report says besides what was measured.

    Attributes:
        created_at: ISO 8601, UTC.
        command: what was typed.
        machine: that the load generator ran on.
        cores: that it may use.
        target: the gateway's address.
        snapshot_id, models: what it served; models by name, with their versions.
        server_pids: its processes on this machine, by name.
        senders: processes that sent.
        photos: where the photos came from.
        scenario: what was sent, as JSON's types.
        kinds: names of the mix, in order.
        slo: the objective.
    """

    created_at: str
    command: str
    machine: Machine
    cores: int
    target: str
    snapshot_id: str
    models: Mapping[str, str]
    server_pids: Mapping[str, int]
    senders: int
    photos: str
    scenario: Mapping[str, Any]
    kinds: Sequence[str]
    slo: Slo


def make_report(
    measured: Measured, setting: Setting, *, knee: Knee | None = None, doubts_of_knee: Sequence[str] = ()
) -> Report:
    """Return the report of a measurement.

    Args:
        measured: what became of the photos.
        setting: what else is to be said.
        knee: of a search for the knee: then `measured` is that of the highest rate that kept the objective.
        doubts_of_knee: why the search itself can't be vouched for.
    """
    total = measured.tally()
    reasons = [*doubts_of_knee, *self_doubts(measured, total, setting)]
    seconds = max(measured.seconds, 1e-9)
    return Report(
        **dict(statistics.figures(total, seconds)),
        created_at=setting.created_at,
        command=setting.command,
        valid=not reasons,
        invalid_reason="; ".join(reasons) or None,
        interrupted=measured.interrupted,
        slo=bounds(setting.slo, total),
        slo_kept=kept(setting.slo, total) if setting.slo else None,
        duration_seconds=measured.seconds,
        offered_rps=measured.offered / seconds,
        achieved_rps=achieved(measured, total),
        stages=statistics.stages(total),
        kinds=[statistics.kind(name, measured.tally(kind=place), seconds) for place, name in enumerate(setting.kinds)],
        seconds=_over_time(measured),
        knee=knee,
        server=_server(measured, total, setting),
        client=_client(measured.samples, total, setting),
        others=others(measured.samples),
        machine=setting.machine,
        photos=setting.photos,
        scenario=dict(setting.scenario),
        histograms={
            "latency": total.latency.encode(),
            "failure": total.failure.encode(),
            "lag": total.lag.encode(),
            **{stage: histogram.encode() for stage, histogram in total.stages.items()},
        },
    )


def self_doubts(measured: Measured, total: Tally, setting: Setting) -> list[str]:
    """Return why the load generator does not vouch for a measurement; nothing when it does."""
    quantiles = [bound.quantile for bound in setting.slo if bound.quantile is not None]
    client = _client(measured.samples, total, setting)
    disturbance = others(measured.samples)
    seen = Instrument(
        answers=total.answers,
        offered=measured.offered,
        offered_rps=measured.offered / max(measured.seconds, 1e-9),
        achieved_rps=achieved(measured, total),
        latency_ms=(total.latency.quantile_ms(0.5), total.latency.quantile_ms(0.99)),
        lag_ms=(total.lag.quantile_ms(0.5), total.lag.quantile_ms(0.99)),
        busiest_sender=client.busiest_sender_cores,
        own_share=client.machine_share,
        gave_up=measured.ending.gave_up,
        others_share=None if disturbance is None else disturbance.machine_share,
    )
    return doubts(seen, quantiles or [_USUALLY_NEEDED])


def achieved(measured: Measured, total: Tally) -> float:
    """Return how many photos were sent a second: over the schedule's time, or the longer time that it took."""
    return total.photos / max(measured.seconds, measured.ending.sent_until, 1e-9)


def knee_step(rate: float, measured: Measured, setting: Setting) -> KneeStep:
    """Return what is told of one rate that was tried."""
    total = measured.tally()
    reasons = self_doubts(measured, total, setting)
    return KneeStep(
        rate=rate,
        seconds=measured.seconds,
        kept=kept(setting.slo, total),
        p99_ms=total.latency.quantile_ms(0.99) if total.answers else None,
        slo=tuple(bounds(setting.slo, total)),
        goodput_rps=total.in_time / max(measured.seconds, 1e-9),
        outcomes=statistics.outcomes(total),
        invalid_reason="; ".join(reasons) or None,
    )


def bounds(slo: Slo, total: Tally) -> list[SloBound]:
    """Return each bound of the objective with its figure."""
    return [
        SloBound(
            name=bound.name,
            limit=bound.limit,
            at_least=bound.at_least,
            value=value if isfinite(value := bound.value(total)) else None,
            kept=bound.kept(total),
        )
        for bound in slo
    ]


def _over_time(measured: Measured) -> list[Second]:
    server = by_second(measured.samples, lambda sample: sample.server_seconds)
    client = by_second(measured.samples, lambda sample: sample.client_seconds)
    besides = others_by_second(measured.samples)
    has_server = any(sample.server for sample in measured.samples)
    told = measured.by_second()
    return [
        statistics.second(
            at,
            told.get(at, Tally()),
            measured.plan.counted(min(at + 1, measured.seconds)) - measured.plan.counted(at),
            statistics.CoresInUse(server.get(at) if has_server else None, client.get(at), besides.get(at)),
        )
        for at in range(int(-(-measured.seconds // 1)))
    ]


def _server(measured: Measured, total: Tally, setting: Setting) -> Server:
    processes = usages(measured.samples, setting.server_pids)
    used = cores(measured.samples, lambda sample: sample.server_seconds)
    return Server(
        target=setting.target,
        snapshot_id=setting.snapshot_id,
        models=dict(setting.models),
        processes=processes,
        cpu_ms_per_answer=1000 * used * measured.seconds / total.answers if processes and total.answers else None,
    )


def _client(samples: Sequence[Sample], total: Tally, setting: Setting) -> Client:
    used = cores(samples, lambda sample: sample.client_seconds)
    return Client(
        senders=setting.senders,
        lag_ms=statistics.latency(total.lag),
        busiest_sender_cores=busiest_sender(samples),
        cores=used,
        machine_share=used / setting.cores,
    )
