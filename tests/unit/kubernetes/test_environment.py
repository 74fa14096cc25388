"""What a container is told."""

from typing import Any

import pytest

from services.kubernetes.environment import environment_of

MAPS = {"settings": {"A": "of the map", "B": "of the map"}}


def test_later_words_go_before_earlier_ones() -> None:
    """As in a pod: what a container says itself goes before its ConfigMaps; a prefix is put before each name."""
    sources = [{"configMapRef": {"name": "settings"}}, {"configMapRef": {"name": "settings"}, "prefix": "X_"}]
    container = {"envFrom": sources, "env": [{"name": "A", "value": "its own"}]}
    told = {"A": "its own", "B": "of the map", "X_A": "of the map", "X_B": "of the map"}
    assert environment_of(container, MAPS) == told


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ({"configMapKeyRef": {"name": "settings", "key": "A"}}, "of the map"),
        ({"configMapKeyRef": {"name": "settings", "key": "C"}}, None),
        ({"configMapKeyRef": {"name": "others", "key": "A"}}, None),
        ({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1"}}, "3"),
        ({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}}, "3"),
        ({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}, "2500"),
        ({"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}, "512"),
        ({"resourceFieldRef": {"resource": "limits.storage"}}, None),
        ({"fieldRef": {"fieldPath": "metadata.uid"}}, None),
        ({"secretKeyRef": {"name": "secret", "key": "A"}}, None),
    ],
)
def test_what_is_looked_up_is_known_or_left_out(source: dict[str, Any], value: str | None) -> None:
    """Amounts are in units of the divisor, rounded up; no divisor, and one of zero, is one."""
    limits = {"cpu": "2500m", "memory": "512Mi"}
    container = {"resources": {"limits": limits}, "env": [{"name": "A", "valueFrom": source}]}
    assert environment_of(container, MAPS).get("A") == value
