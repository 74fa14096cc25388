"""Who waits for an answer: people come before jobs. Pure."""

from enum import Enum


class Criticality(Enum):
    """Who waits for the answer."""

    INTERACTIVE = "interactive"
    BATCH = "batch"
