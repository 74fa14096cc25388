"""The gateway's shard map, read as the gateway reads it, says what the searchers say of themselves."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from services.gateway.peers.topology import Topology
from services.kubernetes.environment import config_maps
from services.kubernetes.findings import Finding, Object
from services.kubernetes.rendering import SHARD_MAP
from services.kubernetes.rules.references import is_served
from services.kubernetes.workloads import shards_served

_RULE: Final = "references"


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield shards whose searchers are elsewhere than gateways look for them."""
    serving = shards_served(objects)
    for name, data in config_maps(objects).items():
        if SHARD_MAP in data:
            for message in _of_map(data[SHARD_MAP], serving, objects):
                yield Finding(f"ConfigMap/{name}", _RULE, message)


def _of_map(text: str, serving: Mapping[str, str], objects: Sequence[Object]) -> Iterator[str]:
    try:
        known = Topology.model_validate_json(text).shards
    except ValidationError as invalid:
        yield f"{SHARD_MAP} is none: {invalid.errors()[0]['msg']}: render again"
        return
    for slug, targets in known.items():
        for target in targets:
            if not is_served(target, objects):
                yield f"shard {slug}: no Service has the name and port of {target}"
        if [target.partition(":")[0] for target in targets] != [serving.get(slug)]:
            yield f"shard {slug} is not served by {', '.join(targets) or 'anybody'}: render again"
    for slug in sorted(serving.keys() - known.keys()):
        yield f"shard {slug} is served by {serving[slug]}, but not in the map"
