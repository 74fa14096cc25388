"""Images name one release each, the same one wherever they run, and have digests all or none. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from services.kubernetes.findings import Finding, Object
from services.kubernetes.images import ImageName
from services.kubernetes.workloads import workloads

_RULE: Final = "images"


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield images of which nobody could say what runs, or of which one thing runs here and another there."""
    used = [
        (workload.where, container["name"], container.get("image", ""))
        for workload in workloads(objects)
        for container in workload.all_containers
    ]
    names = {image: ImageName.of(image) for _, _, image in used}
    any_digest = any(name.digest for name in names.values())
    for place, container, image in used:
        name = names[image]
        if name.problem:
            yield Finding(place, _RULE, f"container {container}: image {image!r} {name.problem}")
        elif any_digest and not name.digest:
            yield Finding(
                place, _RULE, f"container {container}: image {image!r} has no digest, and others have: give it its own"
            )
        others = sorted(
            other for other, parts in names.items() if parts.repository == name.repository and other != image
        )
        if others:
            yield Finding(
                place, _RULE, f"container {container}: image {image!r} is {', '.join(others)} elsewhere: one release"
            )
