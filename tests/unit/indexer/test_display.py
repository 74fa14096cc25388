"""The progress bar: stages, rate and time left on a terminal, silence elsewhere."""

import io

from rich.console import Console

from services.indexer.display import TerminalProgress


def _shown(*, terminal: bool) -> str:
    output = io.StringIO()
    with TerminalProgress(Console(file=output, force_terminal=terminal, width=100)) as progress:
        progress.begin("embedding pictures", total=40, done=10)
        progress.advance(5)
        progress.advance(25)
    return output.getvalue()


def test_a_terminal_sees_stage_steps_and_rate() -> None:
    """What is done, and how fast."""
    shown = _shown(terminal=True)
    assert "embedding pictures" in shown
    assert "40/40" in shown
    assert "/s" in shown


def test_a_log_file_sees_nothing() -> None:
    """Bars in a log are noise."""
    assert _shown(terminal=False) == ""
