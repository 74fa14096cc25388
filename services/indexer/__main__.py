"""The process `python -m services.indexer`."""

import json
import sys
from collections.abc import Sequence
from functools import partial

from services.common.errors import AisleError, InvalidArgument, Overtaken, SettingsInvalid, Unavailable
from services.common.security.dialling import Dialler
from services.common.settings import load_settings
from services.common.telemetry import configure_logging, get_logger
from services.indexer.adding import add_to_snapshot
from services.indexer.config import IndexerSettings
from services.indexer.display import TerminalProgress
from services.indexer.pipeline import build_snapshot
from services.models.client import TritonModels
from services.snapshot.words import relevance_words


def main(argv: Sequence[str]) -> int:
    """Build or add, and publish.

    Exit status 0 done, 1 failed, 2 unusable input, 3 unavailable, 7 overtaken by another's snapshot, 130 interrupted.

    The last line on stdout is a JSON object for programs: `snapshot_id`, and `published_at` in seconds since 1970, null
    when there was nothing to add. All else goes to stderr.
    """
    try:
        settings = load_settings(IndexerSettings, "indexer", argv)
    except SettingsInvalid as invalid:
        print(f"indexer: {invalid.message}", file=sys.stderr)  # noqa: T201 - logs are not set up yet
        return 2
    configure_logging("indexer", settings.log_level)
    log = get_logger()
    try:
        with TerminalProgress() as progress:
            connect = partial(TritonModels, dialler=Dialler(settings.triton_credentials))
            report = (add_to_snapshot if settings.add else build_snapshot)(settings, progress, connect=connect)
    except KeyboardInterrupt:
        log.warning("interrupted", remedy="the same command continues where this run stopped")
        return 130
    except (AisleError, OSError) as error:
        # The last words are for whoever started the build: they say what to mend, and a traceback would bury them.
        print(f"{getattr(error, 'reason', 'OS_ERROR')} {error}", file=sys.stderr)  # noqa: T201
        return _exit_status(error)
    scores = relevance_words(report.manifest.relevance)
    event = "published" if report.published_at is not None else "nothing_to_add"
    log.info(event, snapshot_id=report.manifest.snapshot_id, embedded=report.embedded, scores=scores)
    for remark in report.remarks:
        log.warning("remark", remark=remark)
    if report.skipped:
        log.warning("pictures_skipped", pictures=report.skipped, listed_in=str(report.skip_list))
    print(json.dumps({"snapshot_id": report.manifest.snapshot_id, "published_at": report.published_at}))  # noqa: T201
    return 0


def _exit_status(error: Exception) -> int:
    match error:
        case InvalidArgument():
            return 2
        case Unavailable():
            return 3
        case Overtaken():
            return 7
        case _:
            return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
