"""A system as processes: what is kept running, what is written down, and what is left when its supervisor dies."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.supervising.processes import Kind, ProcessStatus, State
from services.cli.supervising.restarts import RestartPolicy
from services.cli.supervising.state import SystemState, running_system_state
from services.cli.supervising.system import (
    SystemSettings,
    TritonAloneSettings,
    _supervised,
    running_system,
    running_triton,
)
from services.common.errors import SettingsInvalid, Unavailable
from services.models.client import TritonModels
from tests.integration.test_supervisor import runs, spec, until
from tests.support import tiny_models
from tests.support.snapshots import publish_snapshot
from tests.support.triton import ROOT

STATE = SystemState(supervisor_pid=1, snapshot_root="", snapshot_id="", gateway="", triton="", processes=())


def settings_in(folder: Path) -> TritonAloneSettings:
    return TritonAloneSettings(
        model_repository=folder / "models",
        triton_environment=ROOT / ".venv-triton",
        run_folder=folder / "run",
        restarts=RestartPolicy(first_seconds=0.1),
    )


@pytest.fixture
def settings(tmp_path: Path) -> TritonAloneSettings:
    """A Triton with one tiny model."""
    tiny_models.write_model(tmp_path / "models", "embedder", tiny_models.embedder())
    (tmp_path / "run").mkdir()
    return settings_in(tmp_path)


def child_of(pid: int) -> int:
    """The one child of a process."""
    [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def launcher_pid(run_folder: Path) -> int:
    """The pid of Triton's launcher, from the state file."""
    state = running_system_state(run_folder)
    assert state
    [launcher] = [status.pid for status in state.processes if status.kind is Kind.TRITON]
    assert launcher
    return launcher


def triton_pid(run_folder: Path) -> int:
    """The pid of tritonserver, which is the launcher's child."""
    return child_of(launcher_pid(run_folder))


async def test_a_state_file_that_can_not_be_written_stops_nothing(
    settings: TritonAloneSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk must not end the keeping: it is logged, and what dies is started again."""
    (settings.run_folder / "system.json.new").mkdir()  # so that the file can't be written
    changes: list[ProcessStatus] = []
    async with _supervised([spec(settings.run_folder, "a")], settings, STATE, changes.append) as supervisor:
        pid = supervisor.statuses[0].pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda: supervisor.statuses[0].restarts == 1 and changes[-1].state is State.SERVING)
    assert "state_not_written" in "".join(capsys.readouterr())


@pytest.mark.triton
async def test_a_killed_triton_comes_back(settings: TritonAloneSettings) -> None:
    """Whether Triton itself is killed or its launcher, it serves again on the same address, with the same models."""
    changes: list[ProcessStatus] = []
    async with running_triton(settings, changes.append) as target:
        client = TritonModels(target)
        for victim in (triton_pid, launcher_pid):
            before = changes[-1].restarts
            os.kill(victim(settings.run_folder), signal.SIGKILL)
            await until(lambda n=before: changes[-1].restarts > n and changes[-1].state is State.SERVING, 60)  # type: ignore[misc]
            assert await client.ready()
        await client.close()
    assert not list(Path("/dev/shm").glob(f"aisle_triton_{target.rpartition(':')[2]}_*"))


async def test_a_wrong_folder_of_models_is_the_callers_to_mend(settings: TritonAloneSettings) -> None:
    """It is named before any process starts, and is no outage that goes away by waiting."""
    wrong = settings.model_copy(update={"model_repository": settings.run_folder})
    with pytest.raises(SettingsInvalid, match=r"is no model repository"):
        async with running_triton(wrong):
            pytest.fail("served nothing at all")


async def test_models_of_another_space_are_the_callers_to_mend(settings: TritonAloneSettings, tmp_path: Path) -> None:
    """Who forgot --models is told of it, and not to come back later."""
    snapshot = publish_snapshot(tmp_path / "snapshots", {"bag": 4})
    system = SystemSettings(**settings.model_dump(), snapshot_root=str(snapshot.root))
    with pytest.raises(SettingsInvalid, match=r"give the models that it was indexed with \(--models FOLDER\)"):
        async with running_system(system):
            pytest.fail("served vectors of two spaces")


@pytest.mark.triton
async def test_a_model_that_answers_wrong_is_never_served(settings: TritonAloneSettings) -> None:
    """The golden check decides, and its words reach whoever starts the system."""
    golden = settings.model_repository / "embedder" / "golden.json"
    golden.write_text(golden.read_text().replace('"output": [', '"output": [9').replace("[9-", "[-9"))
    with pytest.raises(Unavailable, match=r"triton ended with status 1 .* embedder: wrong answer to"):
        async with running_triton(settings):
            pytest.fail("served a model that gave a wrong answer")


OWNER = """
import asyncio, pathlib, sys
sys.path.insert(0, {root!r})
from services.cli.supervising.system import running_triton
from tests.integration.test_system import settings_in, triton_pid
async def main():
    settings = settings_in(pathlib.Path(sys.argv[1]))
    async with running_triton(settings):
        print(triton_pid(settings.run_folder), flush=True)
        await asyncio.sleep(1000)
asyncio.run(main())
"""


@pytest.mark.triton
async def test_a_killed_supervisor_takes_triton_with_it(settings: TritonAloneSettings) -> None:
    """After kill -9 neither the launcher nor Triton runs on, nor is its shared memory left."""
    argv = (sys.executable, "-c", OWNER.format(root=str(ROOT)), str(settings.run_folder.parent))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as owner:  # noqa: ASYNC220
        assert owner.stdout
        triton = int(await asyncio.to_thread(owner.stdout.readline))
        launcher = child_of(owner.pid)
        assert runs(triton)
        assert runs(launcher)
        owner.kill()
    await until(lambda: not runs(triton) and not runs(launcher))
    assert running_system_state(settings.run_folder) is None
