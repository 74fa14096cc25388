"""A clock for tests."""


class ManualClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Go on."""
        self.now += seconds
