"""What is wrong with an object, in words. Pure."""

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing to mend.

    Attributes:
        where: kind and name of the object.
        rule: what kind of rule it breaks, in a word.
        message: what is wrong, and what to do.
    """

    where: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}: {self.message}"


def where(each: Object) -> str:
    """Return what an object is called in findings: `Deployment/gateway`."""
    return f"{each.get('kind', '?')}/{each.get('metadata', {}).get('name', '?')}"
