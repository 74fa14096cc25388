"""What a run sends, as a scenario file says it: when, which photos, and the mix of searches. Pure.

name: evening
arrivals: {kind: ramp, from_rate: 5, to_rate: 60, seconds: 120}
photos: {dataset: build/demo/dataset}
mix:
  - {weight: 9, policy: adaptive, deadline_ms: 500}
  - {weight: 1, policy: all, deadline_ms: 10000, criticality: batch}
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from services.client.types import Criticality, Policy, SearchOptions
from services.common.errors import SettingsInvalid
from services.common.misfits import checked
from services.common.settings import Settings
from services.common.yaml_documents import only_document
from services.loadtest.arrivals import Arrivals

_MOST_PHOTO_KB = 20_000


class Photos(Settings):
    """Where the photos come from: exactly one of `dataset`, `folder` and `synthetic_kb`."""

    dataset: Path | None = None
    """A dataset folder: its table of photos, with their labels."""
    table: Annotated[str, Field(pattern="^(queries|train|val)$")] = "queries"
    """Which of the dataset's tables."""
    folder: Path | None = None
    """Any folder: the JPEG, PNG and WebP files in it and below."""
    synthetic_kb: Annotated[float, Field(ge=2, le=_MOST_PHOTO_KB)] | None = None
    """Made up: JPEG files of this many kilobytes, to the byte."""
    recall: bool | None = None
    """Whether answers are compared with the labels; by default where there are any."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("dataset", "folder", "synthetic_kb") if getattr(self, name) is not None]
        if len(given) != 1:
            named = " and ".join(given) or "none"
            raise ValueError(f"give one of dataset, folder and synthetic_kb, not {named}")
        if self.recall and self.dataset is None:
            raise ValueError(f"recall needs labelled photos, and a {given[0].partition('_')[0]} has no labels")
        return self


class Kind(Settings):
    """One kind of search in the mix."""

    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """How often it is drawn, against the others."""
    policy: Policy = Policy.ADAPTIVE
    """How the shards to search are chosen."""
    criticality: Criticality = Criticality.INTERACTIVE
    """Who waits for the answer."""
    deadline_ms: Annotated[float, Field(gt=0, le=60_000)] = 2000.0
    """The caller's deadline; what comes later is not in time."""
    top_k: Annotated[int, Field(ge=1, le=1000)] = 10
    """Products wanted."""
    probability_mass: Annotated[float, Field(gt=0, le=1)] | None = None
    """Of TOP_P and ADAPTIVE; the gateway's default when absent."""

    @property
    def name(self) -> str:
        """What reports call it."""
        parts = (self.policy.value, self.criticality.value, f"{self.deadline_ms:g} ms", f"{self.top_k} products")
        return ", ".join(parts) + ("" if self.probability_mass is None else f", p = {self.probability_mass:g}")

    @property
    def options(self) -> SearchOptions:
        """What is asked for, in the client's terms."""
        return SearchOptions(
            policy=self.policy,
            criticality=self.criticality,
            top_k=self.top_k,
            probability_mass=self.probability_mass,
        )


class Scenario(Settings):
    """All that decides what is sent, and when."""

    name: str = "quick"
    """What reports call it."""
    seed: Annotated[int, Field(ge=0)] = 20
    """Decides everything random: the times, and who sends what."""
    warm_up_seconds: Annotated[float, Field(ge=0, le=600)] = 2.0
    """Time before the start in which photos are sent already, and count for nothing."""
    arrivals: Arrivals
    """When photos are sent."""
    photos: Photos
    """What is sent."""
    mix: Annotated[tuple[Kind, ...], Field(min_length=1)] = (Kind(),)
    """The kinds of search, each drawn by its weight."""


def read_scenario(text: str, where: str) -> Scenario:
    """Read a scenario file.

    Args:
        text: what it holds, YAML.
        where: its name, for the error.

    Raises:
        SettingsInvalid: it is no YAML, lacks something, or has a key or value that nobody knows; the message names it.
    """
    fields = only_document(text.encode(), where)
    if not isinstance(fields, Mapping):
        raise SettingsInvalid(f"{where}: a scenario is keys and values, see docs/loadtest.md")
    return checked(Scenario, fields, where)
