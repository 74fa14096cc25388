"""What a sender is told, and what it tells: lines of JSON between the run and its senders.

to the sender     job            what to send, and when
                  start          the clock's time that counts as 0
                  stop           send no more; also when nobody writes any longer
from the sender   ready          photos are loaded and the gateway is connected
                  second, kind   the tally of the photos of one second and kind, once they are all back
                  done           everything was told
                  failed         it can't go on, and why
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from services.loadtest.photos import Source
from services.loadtest.plan import Plan
from services.loadtest.scenario import Kind
from services.loadtest.target import Target


@dataclass(frozen=True)
class Job:
    """A sender's part of a run."""

    target: Target
    mix: Sequence[Kind]
    source: Source
    plan: Plan

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's types; a secret goes by its file's name."""
        return {
            "target": self.target.model_dump(mode="json"),
            "mix": [kind.model_dump(mode="json") for kind in self.mix],
            "source": asdict(self.source),
            "times": self.plan.times.tolist(),
            "kinds": self.plan.kinds.tolist(),
            "photos": self.plan.photos.tolist(),
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Return the job that `to_json` told."""
        source = fields["source"]
        return cls(
            target=Target.model_validate(fields["target"]),
            mix=tuple(Kind.model_validate(kind) for kind in fields["mix"]),
            source=Source(
                paths=tuple(source["paths"]),
                products=tuple(map(tuple, source["products"])),
                synthetic_bytes=source["synthetic_bytes"],
                seed=source["seed"],
                words=source["words"],
            ),
            plan=Plan(
                np.asarray(fields["times"], np.float64),
                np.asarray(fields["kinds"], np.int64),
                np.asarray(fields["photos"], np.int64),
            ),
        )
