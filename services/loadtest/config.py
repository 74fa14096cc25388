"""Settings of a load test, each with its default and why."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from services.client.types import Criticality, Policy
from services.common.errors import SettingsInvalid
from services.common.misfits import checked
from services.common.security.credentials import Credentials
from services.loadtest.arrivals import Rate, Seconds
from services.loadtest.scenario import Scenario, read_scenario
from services.loadtest.target import Target

_DEFAULT_RATE = 20.0
_DEFAULT_SECONDS = 60.0  # 1,200 photos: enough to tell p99
_DEFAULT_SYNTHETIC_KB = 30.0  # a photo of some 400 pixels a side, as apps send them

_KIND = ("policy", "criticality", "deadline_ms", "top_k")
_SAID_BY_SCENARIO = ("rate", "seconds", "dataset", "folder", "synthetic_kb", "seed", *_KIND)


class LoadtestSettings(Credentials):
    """How to test, and what. What a scenario file says has no default here: without one, it is as the option says."""

    target: str = "127.0.0.1:50051"
    """The gateway's host:port, or several as ipv4:host:port,host:port."""
    scenario: Path | None = None
    """YAML file that says what is sent (docs/loadtest.md); else the options from `rate` to `seed` do."""
    rate: Rate | None = None
    """Photos a second on average, as independent people come (20); with find_knee the first rate that is tried."""
    seconds: Seconds | None = None
    """How long photos are sent (60); with find_knee the least time of each rate (10)."""
    dataset: Path | None = None
    """Send a dataset folder's labelled photos, and measure recall."""
    folder: Path | None = None
    """Send the photos of a folder."""
    synthetic_kb: float | None = None
    """Send made-up JPEG photos of this many kilobytes (30, when nothing else is to be sent)."""
    policy: Policy | None = None
    """How the shards to search are chosen (adaptive)."""
    criticality: Criticality | None = None
    """Who waits for the answers (interactive)."""
    deadline_ms: float | None = None
    """The callers' deadline (2000); an answer after it is not in time."""
    top_k: int | None = None
    """Products wanted of each photo (10)."""
    seed: int | None = None
    """Decides everything random (20)."""
    senders: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes that send; one sends several hundred photos a second, and the report says when it could not."""
    slo: str = ""
    """The objective, as p99_ms=250,error_share=0.001: the exit status says whether it was kept."""
    find_knee: bool = False
    """Look for the highest rate that keeps the objective, and how soon it is kept again after twice that."""
    knee_precision: Annotated[float, Field(ge=0.005, le=1)] = 0.05
    """How near, as a share, the knee's rate and the least one that misses the objective must be."""
    out: Path = Path("build/loadtest")
    """Folder for report.json and report.html."""
    server_pids: Mapping[str, int] = Field(default_factory=dict)
    """Processes of the server on this machine, by name: their processor time and memory are in the report."""

    @model_validator(mode="after")
    def _nothing_contradicts(self) -> Self:
        of_knee = ("rate", "seconds") if self.find_knee else ()  # there they are about the search
        said = [name for name in _SAID_BY_SCENARIO if name not in of_knee and getattr(self, name) is not None]
        if self.scenario is not None and said:
            raise ValueError(f"{', '.join(said)}: the scenario file says that; leave out one of the two")
        if self.find_knee and not self.slo:
            raise ValueError("find_knee needs an objective, as slo: p99_ms=250,error_share=0.001")
        return self

    def tested(self) -> Target:
        """Return the gateway."""
        return Target(address=self.target, **{name: getattr(self, name) for name in Credentials.model_fields})

    def sent(self) -> Scenario:
        """Return what is sent: the scenario file's, or what the options say.

        Raises:
            SettingsInvalid: the file can't be read, or something in it or among the options can't be.
        """
        return self._options() if self.scenario is None else read_scenario(_text(self.scenario), str(self.scenario))

    def _options(self) -> Scenario:
        photos = {name: getattr(self, name) for name in ("dataset", "folder", "synthetic_kb")}
        if not any(photos.values()):
            photos["synthetic_kb"] = _DEFAULT_SYNTHETIC_KB
        kind = {name: getattr(self, name) for name in _KIND if getattr(self, name) is not None}
        fields = {
            "arrivals": {
                "kind": "poisson",
                "rate": self.rate or _DEFAULT_RATE,
                "seconds": self.seconds or _DEFAULT_SECONDS,
            },
            "photos": photos,
            "mix": (kind,),
            **({} if self.seed is None else {"seed": self.seed}),
        }
        return checked(Scenario, fields, "options")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise SettingsInvalid(f"{path}: {words}", field="scenario") from None
