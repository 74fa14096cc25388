"""The report of a load test, version 1: what `report.json` holds, and all that `report.html` shows. Pure.

docs/reports.md explains it to readers of the file; a change that breaks them raises the version.
"""

from typing import Any, Final, Literal

from pydantic import Field

from services.evaluation.schema import Machine
from services.evaluation.schema.base import Frozen

SCHEMA_VERSION: Final = 1


class Latency(Frozen):
    """Quantiles in milliseconds; None where too few photos would tell them."""

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    p999: float | None
    max: float


class Outcomes(Frozen):
    """Photos by what became of them."""

    ok: int
    """Full answers."""
    partial: int
    """Answers in which something planned is missing."""
    shed: int
    """Refused because of load, with a time to come back."""
    error: int
    """Any other end, a passed deadline among them."""


class Figures(Frozen):
    """What is told of a set of photos."""

    latency_ms: Latency | None
    """From the intended time of sending to the answer; of full and partial answers."""
    failure_ms: Latency | None
    """The same of those that got none: how long callers waited for nothing."""
    outcomes: Outcomes
    codes: dict[str, int]
    """By name of the gRPC status code."""
    error_reasons: dict[str, int]
    """By reason, most frequent first."""
    rungs: dict[str, int]
    """Answers by how far the service had degraded."""
    missing_shards: dict[str, int] = Field(default_factory=dict)
    """Shards that partial answers lack, by what became of them."""
    goodput_rps: float
    """Full answers within the deadline, a second."""
    goodput_share: float
    """The same as a share of the photos."""
    coverage: float | None
    """Mean share of the probability mass that answered, over the answers."""
    recall_queries: int
    """Answers to labelled photos."""
    recall_at_1: float | None
    recall_at_5: float | None
    recall_at_10: float | None


class KindFigures(Figures):
    """The figures of one kind of the mix."""

    kind: str
    """Its policy, criticality, deadline and products wanted."""


class StageTime(Frozen):
    """The gateway's time in one stage, milliseconds, as its answers tell."""

    answers: int
    """That told it."""
    p50: float
    p99: float | None


class Second(Frozen):
    """The photos that were due in one second."""

    at: int
    """Seconds from the start."""
    offered: int
    """Photos that were due."""
    outcomes: Outcomes
    in_time: int
    """Full answers within the deadline."""
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    coverage: float
    """Sum over the answers."""
    recall_queries: int
    recall_at_1: float
    """Sum over the answers to labelled photos."""
    server_cores: float | None
    """Processor time of the server's processes a second; None when they are not known."""
    client_cores: float | None
    """The load generator's own."""
    others_cores: float | None = None
    """What neither of them used; None when the server's processes are not known."""
    latency_histogram: str
    """HdrHistogram V2, in microseconds."""


class Usage(Frozen):
    """What a process and its children used."""

    name: str
    pid: int
    """At the start of the run."""
    cores: float
    """Processor time over the run's time."""
    memory_mb_start: float
    memory_mb_max: float
    memory_mb_end: float
    memory_mb: tuple[float, ...] = ()
    """Second by second, as far as it was seen."""


class Client(Frozen):
    """What the load generator knows of itself: the run's verdict rests on it."""

    senders: int
    """Processes that sent."""
    lag_ms: Latency | None
    """How much later than intended photos were sent; it is in every latency."""
    busiest_sender_cores: float
    """Processor time of the busiest sender over the run's time."""
    cores: float
    """Of all processes of the load generator."""
    machine_share: float
    """The same as a share of this machine's cores."""


class Others(Frozen):
    """What used the server's machine besides server and load generator, steal by its hypervisor included."""

    cores: float
    """Processor time over the run's time."""
    machine_share: float
    """The same as a share of all cores of the machine."""


class SloBound(Frozen):
    """One bound of the objective."""

    name: str
    limit: float
    at_least: bool
    """Whether the limit is the least, not the most."""
    value: float | None
    """None when no photo was answered."""
    kept: bool


class KneeStep(Frozen):
    """One rate that was tried."""

    rate: float
    """Photos a second, on average."""
    seconds: float
    kept: bool
    """Whether the objective was."""
    p99_ms: float | None
    slo: tuple[SloBound, ...] = ()
    """The objective's bounds at this rate."""
    goodput_rps: float
    outcomes: Outcomes
    invalid_reason: str | None
    """Why this step can't be vouched for."""


class Knee(Frozen):
    """The highest rate that keeps the objective."""

    rate: float | None
    """None when none that was tried did."""
    missed_rate: float | None
    """The least rate that was tried and missed it; None when none did."""
    steps: list[KneeStep]
    """In the order in which they were tried."""
    overload_rate: float | None
    """Twice the knee's rate, sent for a while to see what comes after; None when that was not tried."""
    recovery_seconds: float | None
    """From the end of that overload until the objective was kept again, at half the knee's rate; None for never."""


class Server(Frozen):
    """What was tested."""

    target: str
    snapshot_id: str
    models: dict[str, str]
    """Versions by name."""
    processes: list[Usage]
    """Those on this machine that were known; of other machines nothing is known."""
    cpu_ms_per_answer: float | None
    """Processor time of these processes for each answer."""


class Report(Figures):
    """A whole load test. Its figures are of the whole run; after a search for the knee, of the rate at the knee."""

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this format."""
    tool: Literal["loadtest"] = "loadtest"
    """What wrote it."""
    created_at: str
    """When it began, ISO 8601, UTC."""
    command: str
    """What was typed."""
    valid: bool
    """Whether the load generator vouches for the figures."""
    invalid_reason: str | None
    """Why it does not."""
    interrupted: bool
    """Whether it was ended before its time."""
    slo: list[SloBound]
    """The objective; empty without."""
    slo_kept: bool | None
    """None without an objective."""
    duration_seconds: float
    """In which photos were due."""
    offered_rps: float
    """Photos that were due, a second."""
    achieved_rps: float
    """Photos that were sent, a second."""
    stages: dict[str, StageTime]
    kinds: list[KindFigures]
    """By kind of the mix."""
    seconds: list[Second]
    """Over time."""
    knee: Knee | None
    """Of `--find-knee`."""
    server: Server
    client: Client
    others: Others | None = None
    """None when the server's processes are not known: on another machine, say."""
    machine: Machine
    photos: str
    """Where the photos came from, how many, and their mean size."""
    scenario: dict[str, Any]
    """As it was sent, with its seed."""
    histograms: dict[str, str]
    """`latency`, `failure`, `lag`, and each stage: HdrHistogram V2, in microseconds."""

    def to_json(self) -> str:
        """Return the report as JSON text that a person can read."""
        return self.model_dump_json(indent=2) + "\n"
