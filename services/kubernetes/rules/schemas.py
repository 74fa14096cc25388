"""Objects are what Kubernetes' own schemas say, with no field that these don't know."""

from collections.abc import Iterator, Sequence
from typing import Final

import kubernetes_validate

from services.kubernetes.findings import Finding, Object, where

VERSION: Final = "1.33"
"""The oldest release of Kubernetes that the manifests are for."""
_RULE: Final = "schema"
_FOREIGN: Final = {"cert-manager.io", "monitoring.coreos.com"}
"""Groups of operators, whose schemas are theirs."""


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield what an API server would refuse."""
    for each in objects:
        if str(each.get("apiVersion", "")).partition("/")[0] in _FOREIGN:
            continue
        try:
            kubernetes_validate.validate(each, VERSION, strict=True)
        except kubernetes_validate.ValidationError as invalid:
            path = ".".join(str(part) for part in invalid.path)
            yield Finding(where(each), _RULE, f"{path}: {invalid.message[:300]}")
        except kubernetes_validate.SchemaNotFoundError as unknown:
            yield Finding(where(each), _RULE, unknown.message)
