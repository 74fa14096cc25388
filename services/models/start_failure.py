"""Why a Triton did not start, read from its log (pure)."""

import re
from collections.abc import Sequence

_FAILED_MODEL = re.compile(r"failed to load '(?P<model>[^']+)' version \d+: (?P<reason>.*)")
_BAD_CONFIG = re.compile(r"Poll failed for model directory '(?P<model>[^']+)': (?P<reason>.*)")
_LAST_LINES = 15


def explain_failure(log: Sequence[str]) -> str:
    """Return the failed models with their reasons, or the log's last lines when no model is to blame.

    Args:
        log: the last lines that Triton wrote.
    """
    found = [match for line in log for pattern in (_FAILED_MODEL, _BAD_CONFIG) if (match := pattern.search(line))]
    if found:
        reasons = dict.fromkeys(f"model {match['model']}: {_unquoted(match['reason'])}" for match in found)
        return "; ".join(reasons)
    return "\n".join(log[-_LAST_LINES:]) or "it wrote no log"


def _unquoted(reason: str) -> str:
    return reason.strip().removesuffix('"').strip()
