"""Runs Triton in the foreground: `python -m services.models --model-repository model_repository --port 8001`."""

import asyncio
import sys

from services.common.errors import SettingsInvalid
from services.common.settings import load_settings
from services.common.telemetry import configure_logging
from services.models.config import TritonSettings
from services.models.launcher import run


def main(argv: list[str]) -> int:
    """Read the settings, run Triton until a signal, and return the exit status."""
    configure_logging("triton")
    try:
        settings = load_settings(TritonSettings, "models", argv)
    except SettingsInvalid as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    return asyncio.run(run(settings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
