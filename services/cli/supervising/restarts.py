"""How long to wait before a process that died is started again. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Exponential back-off that forgets.

    Attributes:
        first_seconds: wait after the first death.
        max_seconds: longest wait.
        stable_seconds: a process that served this long has a clean record again.
    """

    first_seconds: float = 0.25
    max_seconds: float = 15.0
    stable_seconds: float = 30.0

    def deaths_after(self, deaths: int, served_seconds: float) -> int:
        """Return the deaths in a row, this one included.

        Args:
            deaths: those before it.
            served_seconds: how long the process had served when it died; 0 when it never did.
        """
        return 1 if served_seconds >= self.stable_seconds else deaths + 1

    def wait_seconds(self, deaths: int) -> float:
        """Return how long to wait after that many deaths in a row, at least 1."""
        doublings = min(deaths - 1, 32)  # far beyond the longest wait, and no overflow
        return min(self.max_seconds, self.first_seconds * 2.0**doublings)
