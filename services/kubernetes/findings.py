"""What is wrong with an object, in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

Object = dict[str, Any]
"""An object of Kubernetes, or a part of one, as YAML has it."""
_NAMED: Final = 3
"""Objects that are named where many have the same fault."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing to mend.

    Attributes:
        where: kind and name of the object.
        rule: what kind of rule it breaks, in a word.
        message: what is wrong, and what to do.
        is_warning: whether it can wait: it works as it is, but may not for long.
    """

    where: str
    rule: str
    message: str
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{'warning: ' if self.is_warning else ''}{self.where}: {self.rule}: {self.message}"


def grouped(found: Sequence[Finding]) -> Sequence[Finding]:
    """Return a finding for each thing to mend: what is wrong with several objects in the same way is one thing.

    It names the first few of them, and how many there are besides.
    """
    alike: dict[Finding, list[str]] = {}
    for each in found:
        alike.setdefault(replace(each, where=""), []).append(each.where)
    return [replace(each, where=_several(places)) for each, places in alike.items()]


def _several(places: Sequence[str]) -> str:
    named, more = ", ".join(places[:_NAMED]), len(places) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def where(each: Object) -> str:
    """Return what an object is called in findings: `Deployment/gateway`."""
    metadata = each.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return f"{each.get('kind') or '?'}/{name or '?'}"
