"""Where each shard's searchers are: the shard map that `aisle up` or the cluster's manifests write."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from services.common.errors import SettingsInvalid
from services.gateway.peers.addresses import name_of


class Topology(BaseModel):
    """The shard map."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    shards: Mapping[str, tuple[str, ...]]
    """Per shard's slug the gRPC targets of its replicas: an address each, or a name that stands for all of them."""

    @field_validator("shards")
    @classmethod
    def _targets(cls, shards: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        for targets in shards.values():
            for target in targets:
                name_of(target)
        return shards


def targets_of(topology: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Return every searcher of a shard map once, in order."""
    return sorted({target for replicas in topology.values() for target in replicas})


def read_topology(path: Path) -> Topology:
    """Read a shard map.

    Raises:
        SettingsInvalid: no such file, or not of the form `{"shards": {"<slug>": ["host:port", ...]}}`.
    """
    try:
        return Topology.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as invalid:
        first = invalid.errors()[0]
        why = ": ".join((".".join(str(part) for part in first["loc"]), first["msg"]))
    except (OSError, ValueError) as error:
        why = str(error)
    raise SettingsInvalid(
        f'topology {path}: {why}; expected {{"shards": {{"<slug>": ["host:port", ...]}}}}', field="topology"
    )
