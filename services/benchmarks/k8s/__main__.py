"""The command line of the check, and its report."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from services.benchmarks.k8s import promise
from services.benchmarks.k8s.balancing import measure_balance
from services.benchmarks.k8s.manifests import render_overlays
from services.benchmarks.k8s.refusals import measure_refusals
from services.benchmarks.security.hop import hop_cost
from services.benchmarks.security.rotation import rotate_under_load
from services.benchmarks.targets import Target, table, write_report
from services.benchmarks.telemetry.cost import Setup, telemetry_cost
from services.cli.demonstration import Demo
from services.common.errors import AisleError
from services.common.telemetry import configure_logging

Tell = Callable[[str], None]
Measured = tuple[Sequence[Target], Mapping[str, Any]]

_PRODUCTS, _QUERIES = 6_000, 600
"""As the demo's own."""
PARTS: Final = ("manifests", "balancing", "security", "telemetry")


class Check:
    """The parts of the check, over the demo's snapshot."""

    def __init__(self, given: argparse.Namespace, say: Tell) -> None:
        """Create it; nothing is measured yet.

        Args:
            given: the command line.
            say: hears of every step.
        """
        self._given = given
        self._say = say
        self._folder: Path = given.out
        self._snapshot_root = str((given.demo / "snapshots").absolute())
        self._snapshot_root = str((given.demo / "snapshots").absolute())

    async def prepare(self) -> None:
        """Prepare the demo and index it; what an earlier run has made is used again."""
        demo = Demo(self._given.demo, products=_PRODUCTS, queries=_QUERIES)
        demo.prepare_dataset()
        await demo.index()

    async def manifests(self) -> Measured:
        """Render and check every overlay."""
        rendered = await asyncio.to_thread(render_overlays, self._given.k8s)
        slowest = max(rendered.seconds.values())
        target = promise.manifests_target(len(rendered.schema_findings), len(rendered.policy_findings), slowest)
        return [target], {"manifests": asdict(rendered)}

    async def balancing(self) -> Measured:
        """Add and drain replicas on hosts of their own."""
        models = self._given.models.absolute()
        balance = await measure_balance(self._folder / "hosts", models, self._snapshot_root, self._say)
        targets = [
            promise.share_target(balance.worst_share),
            promise.drained_target(sum(balance.calls_after_notice.values())),
        ]
        return targets, {"balancing": asdict(balance)}

    async def security(self) -> Measured:
        """What TLS costs, what rotation costs, and what is refused."""
        with tempfile.TemporaryDirectory() as scratch:
            folders = [Path(scratch) / name for name in ("hop", "rotation", "refusals")]
            for folder in folders:
                folder.mkdir()
            hop = await hop_cost(folders[0])
            rotation = await rotate_under_load(folders[1])
            refusals = await measure_refusals(folders[2], self._given.models.absolute(), self._snapshot_root)
        old_opens = "OK" in {rotation.old_certificate, rotation.old_token}
        targets = [
            promise.tls_target(hop.added_ms),
            promise.rotation_target(sum(rotation.failed.values()), old_opens=old_opens),
            promise.refusals_target(refusals.let_through, refusals.otherwise, refusals.uncounted),
        ]
        return targets, {"hop": asdict(hop), "rotation": asdict(rotation), "refusals": asdict(refusals)}

    async def telemetry(self) -> Measured:
        """What metrics, traces and logs cost."""
        setup = Setup(
            folder=self._folder / "telemetry",
            snapshot_root=self._snapshot_root,
            dataset=self._given.demo / "dataset",
            models=self._given.models,
            triton_environment=self._given.triton_environment,
            blocks=self._given.blocks,
        )
        setup.folder.mkdir(parents=True, exist_ok=True)
        cost = await telemetry_cost(setup, self._say)
        return [cost.target()], {"telemetry": asdict(cost)}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check; exit status 0 when it ran, whatever it measured, 1 when a part could not."""
    given = _given(argv)
    configure_logging("k8s-check", "warning")
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:7.0f} s  {what}", flush=True)  # noqa: T201

    check = Check(given, say)
    targets: list[Target] = []
    further: dict[str, Any] = {}
    failed: dict[str, str] = {}

    async def run() -> None:
        parts = given.part or PARTS
        if any(part != "manifests" for part in parts):
            await check.prepare()
        for part in parts:
            say(part)
            try:
                rows, facts = await getattr(check, part)()
            except AisleError as error:
                failed[part] = error.message
                print(f"{part}: {error.message}", file=sys.stderr)  # noqa: T201
                continue
            targets.extend(rows)
            further.update(facts)

    asyncio.run(run())
    report = given.out / "report.json"
    write_report(report, targets, {**further, "not_measured": failed, "seconds": time.monotonic() - began})
    print(table(targets), f"report: {report}", sep="\n")  # noqa: T201
    return 1 if failed else 0


def _given(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.benchmarks.k8s", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; repeat for more")
    parser.add_argument("--blocks", type=int, default=40, help="of telemetry: turns of 25 photos")
    parser.add_argument("--k8s", type=Path, default=Path("k8s"), help="the manifests")
    parser.add_argument("--demo", type=Path, default=Path("build/demo"), help="the demo's folder, made when missing")
    parser.add_argument("--models", type=Path, default=Path("model_repository"), help="model repository")
    parser.add_argument("--triton-environment", type=Path, default=Path(".venv-triton"), help="Triton's Python")
    parser.add_argument("--out", type=Path, default=Path("build/k8s-check"), help="for the report, logs and journals")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
