"""What a look at a gateway says, and what a program is to make of it."""

from dataclasses import replace

import pytest

from services.cli.exit_codes import ExitCode
from services.cli.looking import catalogue_lines, look
from services.client import Catalog, Health
from services.client.status import GatewayStatus
from services.common.errors import AisleError, Internal, PermissionDenied, Unauthenticated, Unavailable, Unimplemented
from tests.support.shoppers import catalog


class _Gateway:
    """A client of a gateway that serves, and fails as it is told to."""

    def __init__(self, *, of_catalog: AisleError | None = None, of_status: AisleError | None = None) -> None:
        self._of_catalog = of_catalog
        self._of_status = of_status

    def health(self) -> Health:
        return Health.SERVING

    def catalog(self) -> Catalog:
        if self._of_catalog is not None:
            raise self._of_catalog
        return catalog()

    def status(self) -> GatewayStatus:
        assert self._of_status is not None
        raise self._of_status


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unauthenticated("no token that we know"), ExitCode.FAILED),
        (PermissionDenied("shop may not operate"), ExitCode.FAILED),
        (Unavailable("draining"), ExitCode.UNAVAILABLE),
        (Unimplemented("Method not found!"), ExitCode.OK),
        (Internal("UNIMPLEMENTED is only a word of this text"), ExitCode.FAILED),
    ],
)
def test_who_is_not_told_has_not_seen_that_all_is_well(error: AisleError, status: ExitCode) -> None:
    """A refusal is no success; an older release that tells no more is none of the caller's business."""
    seen = look(_Gateway(of_status=error), "gateway:1", None)  # type: ignore[arg-type] # all that it is asked
    assert (seen.exit_status, seen.catalog) == (status, catalog())
    assert error.message in seen.problem
    assert look(_Gateway(of_catalog=error), "gateway:1", None).exit_status == status  # type: ignore[arg-type]


def test_a_classifier_of_which_nothing_was_learned_is_said() -> None:
    """With what to do, since each photo then costs a search of everything."""
    assert "ADAPTIVE searches every shard" not in catalogue_lines(catalog()).plain
    unfitted = catalogue_lines(replace(catalog(), is_adaptive_fitted=False)).plain
    assert "ADAPTIVE searches every shard" in unfitted
    assert "index again, with held-out photos" in unfitted
