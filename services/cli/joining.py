"""Shows what joining two models has saved."""

from pathlib import Path

from services.cli.console import print_json, program, results
from services.models.metadata import CLASSIFIER, EMBEDDER, JOINED
from services.training.joined_release import Join


def show_join(done: Join, out: Path, *, as_json: bool) -> None:
    """Write to stdout what was joined and what it takes: as JSON for programs, in words for people."""
    if as_json:
        versions = {half.name: half.version for half in (done.embedder, done.classifier)}
        print_json({"out": str(out), **versions, "cpu_ms": dict(done.cpu_ms), "file_bytes": dict(done.file_bytes)})
        return
    both = done.cpu_ms[EMBEDDER] + done.cpu_ms[CLASSIFIER]
    results().print(
        f"{out}: {done.embedder.version} and {done.classifier.version} in one, {done.cpu_ms[JOINED]:.1f} ms of "
        f"processor time a photo instead of {both:.1f}; next: {program()} up --models {out}",
        markup=False,
        soft_wrap=True,
    )
