"""Who waits without a terminal learns what is being done, too."""

import pytest

from services.cli.progress import steps


def test_a_stage_is_a_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """One for each, however often it is told of; a fit takes minutes."""
    with steps() as progress:
        for done in range(3):
            progress("features", done, 1200)
        progress("head", 0, 40)
    assert capsys.readouterr().err.splitlines() == ["features (1,200)", "head (40)"]
