"""An overlay's kustomization, checked before anything is rendered into it. Pure but for reading it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from services.common.errors import SettingsInvalid
from services.common.misfits import checked
from services.common.yaml_documents import read_document
from services.kubernetes.images import check_image

KUSTOMIZATION: Final = "kustomization.yaml"
FOLDER: Final = "searchers"
"""What an overlay takes its searchers from."""


class _Image(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, strict=True)

    name: str
    new_name: str = ""
    new_tag: str = ""
    digest: str = ""


class _Kustomization(BaseModel):
    resources: Sequence[str] = ()
    images: Sequence[_Image] = ()


def check_overlay(overlay: Path) -> None:
    """Check that a folder is an overlay with searchers, and that its images, which have the last word, are releases.

    Raises:
        SettingsInvalid: it is none; its kustomization can't be read; or one of its images would take the tag away, or
            has one that moves; names it.
    """
    path = overlay / KUSTOMIZATION
    try:
        kustomization = _read(path)
    except FileNotFoundError:
        raise SettingsInvalid(
            f"{overlay} is no overlay, for it has no {KUSTOMIZATION}: {_others(overlay)}", field="out"
        ) from None
    if not _takes_searchers(kustomization):
        raise SettingsInvalid(
            f"{path} has no {FOLDER} among its resources, so what is rendered there would be in no build: "
            f"{_others(overlay)}",
            field="out",
        )
    for each in kustomization.images:
        name = each.new_name or each.name
        if not each.new_tag and not each.digest:
            raise SettingsInvalid(
                f"{path}: images: {name!r} has no newTag and no digest, so which release runs would be left to the "
                "base: give it a release's tag",
                field="images",
            )
        check_image(f"{name}@{each.digest}" if each.digest else f"{name}:{each.new_tag}")


def _read(path: Path) -> _Kustomization:
    return checked(_Kustomization, read_document(path) or {}, str(path))


def _takes_searchers(kustomization: _Kustomization) -> bool:
    return FOLDER in {each.removeprefix("./").rstrip("/") for each in kustomization.resources}


def _others(overlay: Path) -> str:
    """Return the overlays beside it, and how one comes about."""
    there = ", ".join(str(each.parent) for each in sorted(overlay.parent.glob(f"*/{KUSTOMIZATION}")) if _is_one(each))
    return f"choose {there}, or begin with a copy" if there else "begin with a copy of one in k8s/overlays"


def _is_one(path: Path) -> bool:
    try:
        return _takes_searchers(_read(path))
    except SettingsInvalid:
        return False
