"""How a build tells whoever waits for it how far it is."""

from typing import Protocol


class Progress(Protocol):
    """Something that shows the progress of a build, one stage after the other."""

    def begin(self, stage: str, total: int, done: int = 0) -> None:
        """Start a stage.

        Args:
            stage: what is done in it, for people.
            total: its steps.
            done: steps that an earlier run has already made.
        """
        ...

    def advance(self, steps: int) -> None:
        """Count steps of the stage that were made."""
        ...
