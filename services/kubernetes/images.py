"""Names of container images: which release runs must be in them. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from services.common.errors import SettingsInvalid

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MOVING: Final = "latest"


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image's name in its parts.

    Attributes:
        repository: with its registry, if it names one.
        tag: empty when it has none.
        digest: `sha256:…`; empty when it has none.
    """

    repository: str
    tag: str
    digest: str

    @classmethod
    def of(cls, name: str) -> "ImageName":
        """Take a name apart; a port of the registry is no tag."""
        named, _, digest = name.partition("@")
        head, colon, tag = named.rpartition(":")
        if not colon or "/" in tag:
            return cls(named, "", digest)
        return cls(head, tag, digest)

    @property
    def problem(self) -> str:
        """What keeps it from naming one release; empty when it names one."""
        if not self.repository:
            return "is no image's name"
        if self.digest:
            return "" if _DIGEST.fullmatch(self.digest) else "has a digest that is none"
        if not self.tag:
            return "has no tag, so which release runs would depend on when it is pulled"
        if self.tag == _MOVING:
            return "has the tag latest, which is another release each time"
        return "" if _TAG.fullmatch(self.tag) else "has a tag that can't be one"


def check_image(name: str) -> str:
    """Return the name of an image that says which release it is.

    Raises:
        SettingsInvalid: it has no tag, or one that moves; names it and the remedy.
    """
    problem = ImageName.of(name).problem
    if problem:
        raise SettingsInvalid(
            f"image {name!r} {problem}: give it a release's tag, as in {ImageName.of(name).repository}:1.2.0, "
            "or a digest (@sha256:…)",
            field="image",
        )
    return name
