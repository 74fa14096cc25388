"""Amounts as Kubernetes writes them: `512Mi`, `2`, `500m`. Pure."""

import re
from typing import Final

from services.common.errors import SettingsInvalid

MEBIBYTE: Final = 2**20
_UNITS: Final = {
    **{unit: 10.0**exponent for unit, exponent in zip(("n", "u", "m", ""), range(-9, 1, 3), strict=True)},
    **{unit: 10.0**exponent for unit, exponent in zip("kMGTPE", range(3, 19, 3), strict=True)},
    **{f"{unit}i": 2.0**exponent for unit, exponent in zip("KMGTPE", range(10, 61, 10), strict=True)},
}
_QUANTITY: Final = re.compile(r"((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,2}\Z)?)([a-zA-Z]*)", re.ASCII)
"""A number, and an exponent or a unit: not both."""
_LARGE_UNITS: Final = (("Gi", 2**30), ("Mi", 2**20))


def amount(quantity: str | float) -> float:
    """Return a quantity as a number: bytes of memory, or cores.

    Raises:
        SettingsInvalid: it is none; names it.
    """
    match = _QUANTITY.fullmatch(str(quantity))
    if match is None or match[2] not in _UNITS:
        raise SettingsInvalid(f"{quantity!r} is no quantity: a number and a unit, as in 512Mi, 4Gi or 2")
    return float(match[1]) * _UNITS[match[2]]


def memory_words(size_bytes: int) -> str:
    """Return bytes as a quantity of whole Mi, or of whole Gi where it is one; rounded up."""
    for unit, unit_bytes in _LARGE_UNITS:
        if size_bytes % unit_bytes == 0:
            return f"{size_bytes // unit_bytes}{unit}"
    return f"{-(-size_bytes // MEBIBYTE)}Mi"


def rounded_up(size_bytes: int) -> int:
    """Return the next of eight steps per power of two, in whole Mi.

    A gallery that grows a little each day then changes its objects now and then only, by 7 to 12 %.
    """
    mebibytes = max(1, -(-size_bytes // MEBIBYTE))
    step = 1 << max(0, mebibytes.bit_length() - 4)
    return -(-mebibytes // step) * step * MEBIBYTE
