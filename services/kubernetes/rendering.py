"""Writes an overlay's searchers: a file per searcher, the shard map, and the kustomization of that folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from services.common.errors import SettingsInvalid
from services.common.replacing import replaced_in_one_step
from services.common.yaml_documents import documents
from services.gateway.peers.topology import Topology
from services.kubernetes.images import check_image
from services.kubernetes.kustomization import FOLDER, KUSTOMIZATION, check_overlay
from services.kubernetes.objects import searcher_objects
from services.kubernetes.planning import SearcherPlan, plan_searchers, shard_map
from services.kubernetes.rules.forms import identities
from services.kubernetes.rules.growth import tight_rooms
from services.kubernetes.wishes import read_wishes
from services.snapshot.manifest import Manifest

SHARD_MAP: Final = "shards.json"
_HEADER: Final = "# Written by `aisle k8s render`; do not edit: change ../searchers.yaml and render again.\n"


@dataclass(frozen=True, slots=True)
class Rendering:
    """What was written.

    Attributes:
        folder: of the searchers' files.
        searchers: what was planned.
        appeared: searchers that were not there before.
        vanished: searchers that are not there any more.
        changed: searchers whose objects are others than before.
        moved: by slug, the searcher that served a shard before, where it is another one now.
        tight: searchers from before whose shards fill the memory that they have, with the share that these take of it.
    """

    folder: Path
    searchers: Sequence[SearcherPlan]
    appeared: Sequence[str]
    vanished: Sequence[str]
    changed: Sequence[str]
    moved: Mapping[str, str]
    tight: Mapping[str, float]


def render(manifest: Manifest, overlay: Path, image: str = "") -> Rendering:
    """Write `<overlay>/searchers/`, which nobody else writes to.

    Args:
        manifest: the snapshot's.
        overlay: its `searchers.yaml` says what it asks for.
        image: the searchers'; by default that of `searchers.yaml`, else this release's, by the name that an overlay's
            `images` may replace.

    Raises:
        SnapshotInvalid: the snapshot can't be served by a cluster.
        SettingsInvalid: it is no overlay, what it asks for can't be, or the folder holds something else.
    """
    check_overlay(overlay)
    wishes = read_wishes(overlay)
    named = check_image(image or wishes.image or f"aisle/searcher:{version('aisle')}")
    searchers = plan_searchers(manifest, wishes)
    folder = overlay / FOLDER
    before = _written(folder)
    after = _contents(searchers, named)
    with replaced_in_one_step(folder) as fresh:
        for name, text in after.items():
            (fresh / name).write_text(text, encoding="utf-8")
    appeared, vanished, changed = _differences(before, after)
    tight = _tight(before, after, manifest)
    moved = _moved(searchers, before.get(SHARD_MAP, ""))
    return Rendering(folder, searchers, appeared, vanished, changed, moved, tight)


def _contents(searchers: Sequence[SearcherPlan], image: str) -> dict[str, str]:
    """Return the text of each file, by name: the same searchers make the same bytes."""
    names = [f"{searcher.name}.yaml" for searcher in searchers]
    texts = [_yaml(*searcher_objects(searcher, image)) for searcher in searchers]
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": names,
        # Its name gets a digest of its content: when it changes, gateways are rolled, and can be rolled back.
        "configMapGenerator": [{"name": "shard-map", "files": [SHARD_MAP]}],
    }
    return {
        **dict(zip(names, texts, strict=True)),
        SHARD_MAP: json.dumps({"shards": shard_map(searchers)}, indent=2) + "\n",
        KUSTOMIZATION: _yaml(kustomization),
    }


def _yaml(*documents: Mapping[str, Any]) -> str:
    return _HEADER + yaml.dump_all(documents, Dumper=_Plain, sort_keys=False, width=120, explicit_start=False)


class _Plain(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # the C one is ten times as fast
    """Writes each value where it stands: no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        """Never refer to another place of the file."""
        del data
        return True


def _written(folder: Path) -> dict[str, str]:
    """Return what an earlier call wrote; refuse a folder that holds anything else."""
    if not folder.exists():
        return {}
    texts = {}
    for path in sorted(folder.iterdir()):
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if not text.startswith(_HEADER) and path.name != SHARD_MAP:
            raise SettingsInvalid(
                f"{path} was not written by `aisle k8s render`, and {folder} would be replaced as a whole: "
                "move it elsewhere, or choose another --out",
                field="out",
            )
        texts[path.name] = text
    return texts


def _differences(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    ours = {name.removesuffix(".yaml"): name for name in (*before, *after) if name not in {KUSTOMIZATION, SHARD_MAP}}
    appeared = sorted(name for name, file in ours.items() if file not in before)
    vanished = sorted(name for name, file in ours.items() if file not in after)
    both = (name for name, file in ours.items() if file in before and file in after)
    return appeared, vanished, sorted(name for name in both if before[ours[name]] != after[ours[name]])


def _moved(searchers: Sequence[SearcherPlan], map_before: str) -> Mapping[str, str]:
    """Return who served the shards that another searcher serves now; nobody where no map was written before."""
    try:
        known = Topology.model_validate_json(map_before).shards if map_before else {}
    except ValidationError:
        return {}
    served = {slug: target.partition(":")[0] for slug, targets in known.items() for target in targets}
    names = {slug: searcher.name for searcher in searchers for slug in searcher.slugs}
    return {slug: before for slug, before in sorted(served.items()) if names.get(slug, before) != before}


def _tight(before: Mapping[str, str], after: Mapping[str, str], manifest: Manifest) -> Mapping[str, float]:
    """Return which searchers run with too little until what was rendered is applied, by what was rendered before.

    What was written before may have been edited since, or be in conflict after a merge: then it tells nothing.
    """
    try:
        objects = [
            each
            for name, text in before.items()
            if name not in {KUSTOMIZATION, SHARD_MAP} and after.get(name) != text
            for each in documents(text.encode(), name)
        ]
        rooms = [] if any(identities(objects)) else list(tight_rooms(objects, manifest))
    except SettingsInvalid:
        return {}
    return {room.workload.source["metadata"]["name"]: room.share for room in rooms}
