"""What processes would refuse is found out before the first of them starts."""

from pathlib import Path

import pytest

from services.cli.__main__ import main
from services.cli.exit_codes import ExitCode
from services.cli.supervising.preflight import check_settings
from services.common.errors import SettingsInvalid
from tests.support.snapshots import publish_snapshot


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("AISLE_GATEWAY_TLS_CERTIFICATE", "gateway.pem", "gateway: .*tls_certificate and tls_key belong together"),
        ("AISLE_GATEWAY_ACCES_FILE", "access.yaml", "gateway: .*did you mean AISLE_GATEWAY_ACCESS_FILE"),
        ("AISLE_GATEWAY_ACCESS_FILE", "none.yaml", "gateway: .*none.yaml"),
        ("AISLE_GATEWAY_TRITON_TLS_CA", "none.pem", "gateway: .*none.pem"),
        ("AISLE_GATEWAY_TRACE_ENDPOINT", "collector", "gateway: trace_endpoint is 'collector'"),
        ("AISLE_SEARCHER_KEEP_SECONDS", "-1", "searcher: setting keep_seconds"),
    ],
)
def test_settings_and_files_are_looked_at(name: str, value: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of both kinds of process, in the environment too; the message begins with whose they are."""
    check_settings("snapshots", "")
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid, match=why):
        check_settings("snapshots", "")


def test_no_process_is_started_for_settings_that_can_t_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor where nobody answers as the Triton that was named; one is to be mended, the other may come back."""
    snapshot = publish_snapshot(tmp_path / "snapshots", {"bag": 4})
    words = ["up", "--port", "0", "--snapshot-root", str(snapshot.root), "--run-folder", str(tmp_path / "run")]
    assert main([*words, "--triton", "127.0.0.1:1"]) == ExitCode.UNAVAILABLE
    assert "no Triton answers at 127.0.0.1:1: start it" in capsys.readouterr().err
    monkeypatch.setenv("AISLE_GATEWAY_MAX_IN_FLIGHT", "many")
    assert main(words) == ExitCode.UNUSABLE_INPUT
    assert "SETTINGS_INVALID gateway: setting max_in_flight" in capsys.readouterr().err
    assert not list((tmp_path / "run").glob("*.log"))
