"""`aisle snapshot` against a cluster's storage, as an operator types it: endpoint and keys are the environment's."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from services.cli.__main__ import main
from services.cli.exit_codes import ExitCode
from services.snapshot.root import SnapshotRoot
from tests.support.s3 import s3_server
from tests.support.shop import Shop


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


class Terminal:
    """Types `aisle snapshot`, and reads what comes of it."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.errors = ""

    def says(self, *words: object, status: ExitCode = ExitCode.OK) -> str:
        """Return what a command writes to stdout; its exit status must be this one."""
        self._capsys.readouterr()
        ended = main(["snapshot", *map(str, words)])
        said, self.errors = self._capsys.readouterr()
        assert ended == status, self.errors
        return " ".join(said.split())


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal."""
    return Terminal(capsys)


def test_snapshots_in_a_bucket_are_listed_verified_rolled_back_and_pruned(tmp_path: Path, terminal: Terminal) -> None:
    """Each command finds the storage by itself; what can't be found names what to do, and what is away is named."""
    with s3_server():
        bucket = f"shop-{uuid.uuid4().hex}"
        root = f"s3://{bucket}/aisle"
        SnapshotRoot.at(root).filesystem.mkdir(bucket)
        shop = Shop.make(tmp_path, {"Bag": 4, "Coat": 2}, root)
        shop.build(range(4))
        first = shop.store.current_id()
        shop.add((4, 5))
        second = shop.store.current_id()
        at = ("--snapshot-root", root)
        work = ("--work-root", tmp_path / "work")
        listed = terminal.says("list", "--json", *at)
        assert (first in listed, second in listed) == (True, True)
        assert "is sound" in terminal.says("verify", *at)
        assert f"{first} is current again" in terminal.says("rollback", *at, *work)
        assert shop.store.current_id() == first
        assert f"{second} is current again" in terminal.says("rollback", second, *at, *work)
        assert first in terminal.says("prune", "--keep", 1, *at, *work)
        terminal.says("verify", "--snapshot-root", f"s3://{bucket}/elsewhere", status=ExitCode.FAILED)
        assert "run `aisle index`, or mend the address" in terminal.errors
    terminal.says("list", *at, status=ExitCode.UNAVAILABLE)
    assert root in terminal.errors


@pytest.mark.parametrize(
    ("root", "status"), [("s3:/shop/aisle", ExitCode.FAILED), ("s4://shop/aisle", ExitCode.UNUSABLE_INPUT)]
)
def test_a_root_that_is_none_is_refused_by_name(root: str, status: ExitCode, terminal: Terminal) -> None:
    """Not looked for as a folder of that name without a word."""
    terminal.says("verify", "--snapshot-root", root, status=status)
    assert root in terminal.errors
