"""The rows of the check of a cluster: each is met at its bound, and missed beyond it."""

from collections.abc import Callable

import pytest

from services.benchmarks.k8s import promise
from services.benchmarks.targets import Target


@pytest.mark.parametrize(
    ("at_the_bound", "beyond"),
    [
        (lambda: promise.manifests_target(0, 0, 2.0), lambda: promise.manifests_target(0, 0, 2.1)),
        (lambda: promise.manifests_target(0, 0, 0.1), lambda: promise.manifests_target(1, 0, 0.1)),
        (lambda: promise.manifests_target(0, 0, 0.1), lambda: promise.manifests_target(0, 1, 0.1)),
        (lambda: promise.share_target(0.2), lambda: promise.share_target(0.21)),
        (lambda: promise.drained_target(0), lambda: promise.drained_target(1)),
        (lambda: promise.tls_target(0.5), lambda: promise.tls_target(0.51)),
        (lambda: promise.rotation_target(0, old_opens=False), lambda: promise.rotation_target(1, old_opens=False)),
        (lambda: promise.rotation_target(0, old_opens=False), lambda: promise.rotation_target(0, old_opens=True)),
        (lambda: promise.refusals_target(0, 0, 0), lambda: promise.refusals_target(1, 0, 0)),
        (lambda: promise.refusals_target(0, 0, 0), lambda: promise.refusals_target(0, 1, 0)),
        (lambda: promise.refusals_target(0, 0, 0), lambda: promise.refusals_target(0, 0, 1)),
    ],
)
def test_a_row_is_met_up_to_its_bound(at_the_bound: Callable[[], Target], beyond: Callable[[], Target]) -> None:
    """As the issue's table has it."""
    assert at_the_bound().met
    assert not beyond().met
