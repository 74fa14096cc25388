"""Writes an overlay's searchers: a file per searcher, the shard map, and the kustomization that names them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import yaml

from services.common.errors import SettingsInvalid
from services.common.replacing import replaced_in_one_step, write_in_one_step
from services.kubernetes.images import check_image
from services.kubernetes.objects import searcher_objects
from services.kubernetes.planning import SearcherPlan, plan_searchers, shard_map
from services.kubernetes.wishes import read_wishes
from services.snapshot.manifest import Manifest

FOLDER: Final = "searchers"
KUSTOMIZATION: Final = "kustomization.yaml"
SHARD_MAP: Final = "shards.json"
_HEADER: Final = "# Written by `aisle k8s render`; do not edit: change ../searchers.yaml and render again.\n"
_BASE: Final = "../../base"


@dataclass(frozen=True, slots=True)
class Rendering:
    """What was written.

    Attributes:
        folder: of the searchers' files.
        searchers: what was planned.
        appeared: searchers that were not there before.
        vanished: searchers that are not there any more.
        changed: searchers whose objects are others than before.
    """

    folder: Path
    searchers: Sequence[SearcherPlan]
    appeared: Sequence[str]
    vanished: Sequence[str]
    changed: Sequence[str]


def render(manifest: Manifest, overlay: Path, image: str = "") -> Rendering:
    """Write `<overlay>/searchers/`, which nobody else writes to, and the overlay's kustomization where there is none.

    Args:
        manifest: the snapshot's.
        overlay: its `searchers.yaml` says what it asks for.
        image: the searchers'; by default that of `searchers.yaml`, else this release's, by the name that an overlay's
            `images` may replace.

    Raises:
        SnapshotInvalid: the snapshot can't be served by a cluster.
        SettingsInvalid: what the overlay asks for can't be, or the folder holds something else.
    """
    wishes = read_wishes(overlay)
    named = check_image(image or wishes.image or f"aisle/searcher:{version('aisle')}")
    _check_images(overlay)
    searchers = plan_searchers(manifest, wishes)
    folder = overlay / FOLDER
    before = _written(folder)
    after = _contents(searchers, named)
    with replaced_in_one_step(folder) as fresh:
        for name, text in after.items():
            (fresh / name).write_text(text, encoding="utf-8")
    if not (overlay / KUSTOMIZATION).exists():
        write_in_one_step(overlay / KUSTOMIZATION, _overlay_kustomization(overlay))
    return Rendering(folder, searchers, *_differences(before, after))


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
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
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


def _overlay_kustomization(overlay: Path) -> str:
    resources = [*([_BASE] if (overlay / _BASE / KUSTOMIZATION).exists() else []), FOLDER]
    overlaid = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": resources}
    return yaml.safe_dump(overlaid, sort_keys=False)


def _check_images(overlay: Path) -> None:
    """Check the `images` of the overlay's kustomization, which have the last word.

    Raises:
        SettingsInvalid: one of them would take the tag away, or has one that moves; names it.
    """
    path = overlay / KUSTOMIZATION
    try:
        kustomization = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return
    except (OSError, yaml.YAMLError) as error:
        raise SettingsInvalid(f"{path}: {error}", field="images") from None
    for each in kustomization.get("images") or ():
        name = each.get("newName") or each.get("name", "")
        if "newTag" not in each and "digest" not in each:
            raise SettingsInvalid(
                f"{path}: images: {name!r} has no newTag and no digest, so which release runs would be left to the "
                "base: give it a release's tag",
                field="images",
            )
        check_image(f"{name}@{each['digest']}" if each.get("digest") else f"{name}:{each['newTag']}")
