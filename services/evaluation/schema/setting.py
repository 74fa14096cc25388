"""What a report says about the run besides its figures. Pure."""

from services.evaluation.schema.base import Frozen


class Machine(Frozen):
    """Where it was measured; figures without it mean little."""

    cpu: str
    """The processor's name."""
    cores: int
    """Cores that this process may use."""
    memory_bytes: int
    """Main memory."""
    system: str
    """Operating system and architecture."""
    python: str
    """Version of Python."""
    packages: dict[str, str]
    """Versions of the packages that matter: aisle, grpcio, numpy."""


class Model(Frozen):
    """A model that took part."""

    version: str
    """Its human name."""
    sha256: str
    """Digest of its file."""


class Method(Frozen):
    """How it was measured."""

    top_k: int
    """Products asked for; answers are cut there."""
    in_flight: int
    """Photos in flight; latencies are those of an idle system only at 1."""
    timeout_seconds: float
    """Deadline of a search."""
    seed: int
    """Decides which photos are taken, their order, that of the policies, and the bootstrap."""
    available_queries: int
    """Labelled photos in the dataset, before any limit."""


class Notice(Frozen):
    """Something that a reader must know before believing the figures, or acting on them."""

    code: str
    """UPPER_SNAKE_CASE, for programs."""
    text: str
    """For people."""
