"""A whole load test: finds out what is there, measures once or looks for the knee, and writes the report."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile

from services.client.types import Catalog, Policy
from services.common.cores import available_cores
from services.common.errors import PolicyUnavailable, SettingsInvalid
from services.common.replacing import write_in_one_step
from services.evaluation.machine import this_machine
from services.loadtest.arrivals import Poisson, Replay, Step, pieces_of, recorded_times
from services.loadtest.config import LoadtestSettings
from services.loadtest.knee import KneeSearch, recovery_seconds, step_seconds
from services.loadtest.measured import Measured
from services.loadtest.measuring import Bench
from services.loadtest.page import render
from services.loadtest.photos import find_photos
from services.loadtest.report import Setting, knee_step, make_report
from services.loadtest.scenario import Scenario
from services.loadtest.schema import Knee, KneeStep, Report
from services.loadtest.slo import Slo, parse_slo
from services.loadtest.target import probe

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"

_KNEE_SECONDS = 10.0
_OVERLOAD_FACTOR, _CALM_FACTOR = 2.0, 0.5
_OVERLOAD_SECONDS = 10
_CALM_PARTS = 2  # each as long as the overload
_TRIES = 2  # of a rate: a machine that was busy for a moment is nobody's limit
_PAUSE_SECONDS = 2.0  # between two rates, for what still waits somewhere to end
_REST_SECONDS = 10.0  # after one that was too much, at most: what a server gave up under it comes back by and by

Watch = Callable[[str, float, Measured], None]
"""Called once a second with what is being done, the seconds since its start, and what is known so far."""


@dataclass(frozen=True)
class LoadTest:
    """A load test that could be carried out: everything that can be checked before the first photo is.

    Attributes:
        bench: what stays the same over its measurements.
        setting: what its report says besides.
        settings: how to test.
    """

    bench: Bench
    setting: Setting
    settings: LoadtestSettings

    @property
    def slo(self) -> Slo:
        """The objective."""
        return self.setting.slo

    async def carry_out(self, watch: Watch) -> Report:
        """Measure, and return the report; once `bench.stop` is set, that of what was measured until then.

        Raises:
            AisleError: the senders can't start, lose the gateway before they begin, or end in the middle.
        """
        if self.settings.find_knee:
            return await self._find_knee(watch)
        measured = await self.bench.measure(self.bench.scenario.arrivals, lambda at, known: watch("sending", at, known))
        return make_report(measured, self.setting)

    async def _find_knee(self, watch: Watch) -> Report:
        search = KneeSearch(self.settings.rate or _first_rate(self.bench.scenario), self.settings.knee_precision)
        steps = list[KneeStep]()
        best, measured = None, Measured.nothing()
        while not search.done and not self.bench.stop.is_set():
            for _ in range(_TRIES):
                measured = await self._try(search.rate, watch)
                if measured.interrupted:
                    break
                steps.append(knee_step(search.rate, measured, self.setting))
                await self._rest(steps[-1])
                if not steps[-1].invalid_reason:
                    break
            if measured.interrupted:
                break
            step = steps[-1]
            search.tell(is_kept=step.kept)
            if step.kept:
                best = measured
                if step.invalid_reason:  # not the server's limit: more would prove nothing
                    break
        knee = await self._knee(search, steps, watch)
        shown = best or measured
        shown.interrupted = self.bench.stop.is_set()  # whichever step it was that did not end
        return make_report(shown, self.setting, knee=knee, doubts_of_knee=knee_doubts(search, steps))

    async def _knee(self, search: KneeSearch, steps: list[KneeStep], watch: Watch) -> Knee:
        overload, recovered = None, None
        if search.kept is not None and search.done and not self.bench.stop.is_set():
            recovered = await self._recovery(search.kept, watch)
            overload = _OVERLOAD_FACTOR * search.kept
        if self.bench.stop.is_set():  # what was not watched to its end is neither seen nor missing
            overload, recovered = None, None
        return Knee(
            rate=search.kept,
            missed_rate=search.missed,
            steps=steps,
            overload_rate=overload,
            recovery_seconds=recovered,
        )

    async def _try(self, rate: float, watch: Watch) -> Measured:
        seconds = step_seconds(rate, self.slo, self.settings.seconds or _KNEE_SECONDS)
        arrivals = Poisson(rate=rate, seconds=seconds)
        return await self.bench.measure(arrivals, lambda at, known: watch(f"{rate:.4g} a second", at, known))

    async def _rest(self, step: KneeStep) -> None:
        """Wait until the next rate may be tried, as long as one that was too much lasted; less when all is to end."""
        seconds = _PAUSE_SECONDS if step.kept else max(_PAUSE_SECONDS, min(_REST_SECONDS, step.seconds))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.bench.stop.wait()

    async def _recovery(self, rate: float, watch: Watch) -> float | None:
        """Send twice as much as the knee, then half as much, and return how soon the objective is kept again."""
        calm = [_CALM_FACTOR * rate] * _CALM_PARTS
        arrivals = Step(rates=(_OVERLOAD_FACTOR * rate, *calm), seconds_each=_OVERLOAD_SECONDS)
        measured = await self.bench.measure(arrivals, lambda at, known: watch("recovery", at, known))
        return recovery_seconds(measured.by_second(), _OVERLOAD_SECONDS, int(measured.seconds), self.slo)


def knee_doubts(search: KneeSearch, steps: list[KneeStep]) -> list[str]:
    """Return why a search for the knee can't be vouched for; nothing when it can."""
    if search.kept is None:
        return ["no rate that was tried keeps the objective"]
    if search.missed is None:
        return [f"the search ended before a rate missed the objective: {search.kept:.4g} a second keeps it"]
    if not search.done:
        return ["the search ended before the knee was known well enough"]
    missed = next(step for step in reversed(steps) if step.rate == search.missed)
    if missed.invalid_reason:
        return [f"at {missed.rate:.4g} a second the miss may not be the server's: {missed.invalid_reason}"]
    return []


async def prepare(settings: LoadtestSettings, command: str, stop: asyncio.Event) -> LoadTest:
    """Check everything that can be checked before the first photo is sent.

    Args:
        settings: how to test.
        command: what was typed, for the report.
        stop: set to end the test before its time.

    Raises:
        SettingsInvalid: a setting or the scenario can't be, or the report could not be written; the message names it.
        CatalogueInvalid, ImageUnreadable, ImageTooLarge: the photos can't be sent.
        Unavailable, FailedPrecondition: the gateway can't be reached, or is none.
        PolicyUnavailable: the snapshot lacks what a policy of the mix needs.
    """
    scenario, slo = settings.sent(), parse_slo(settings.slo)
    recorded = _recorded(scenario)
    source = find_photos(scenario.photos, scenario.seed)
    target = settings.tested()
    bench = Bench(target, scenario, source, recorded, settings.senders, settings.server_pids, stop)
    if not settings.find_knee:
        bench.schedule(scenario.arrivals)  # too much to hold is better refused now
    catalog = await probe(target)
    _refuse_what_cannot_be(scenario, catalog)
    _refuse_unwritable(settings.out)
    setting = Setting(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        machine=this_machine(),
        cores=available_cores(),
        target=target.address,
        snapshot_id=catalog.snapshot_id,
        models={model.name: model.version for model in catalog.models},
        server_pids=settings.server_pids,
        senders=settings.senders,
        photos=source.words,
        scenario=scenario.model_dump(mode="json"),
        kinds=[kind.name for kind in scenario.mix],
        slo=slo,
    )
    return LoadTest(bench, setting, settings)


def write_report(report: Report, out: Path) -> None:
    """Write `report.json` and `report.html` into `out`, made when it is missing; each appears in one step."""
    out.mkdir(parents=True, exist_ok=True)
    write_in_one_step(out / REPORT_JSON, report.to_json())
    write_in_one_step(out / REPORT_HTML, render(report))


def _refuse_unwritable(out: Path) -> None:
    """Try to write into the report's folder now, and not when everything has been measured."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise SettingsInvalid(f"{out}: {error.strerror}; the report needs another folder: --out", field="out") from None


def _first_rate(scenario: Scenario) -> float:
    pieces = pieces_of(scenario.arrivals)
    return max((max(piece.start, piece.end) for piece in pieces), default=1.0)


def _recorded(scenario: Scenario) -> tuple[float, ...]:
    arrivals = scenario.arrivals
    if not isinstance(arrivals, Replay):
        return ()
    try:
        text = arrivals.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise SettingsInvalid(f"{arrivals.file}: {words}", field="arrivals.file") from None
    return recorded_times(text, str(arrivals.file))


def _refuse_what_cannot_be(scenario: Scenario, catalog: Catalog) -> None:
    if not catalog.has_baseline and any(kind.policy is Policy.BASELINE for kind in scenario.mix):
        raise PolicyUnavailable(
            f"snapshot {catalog.snapshot_id} has no baseline index; build it with one, or leave out that policy",
            field="mix.policy",
        )
