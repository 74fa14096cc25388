"""What a gateway can be told, and why each default is what it is."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from services.common.admission import AdmissionRules
from services.common.channels import MAX_PHOTO_BYTES
from services.common.concurrency_limit import LimitRules
from services.common.cores import available_cores
from services.common.lifecycle import ServerSettings
from services.common.security.credentials import Credentials, credentials_for
from services.gateway.answering.agreement import AgreementRules
from services.gateway.answering.budget import BudgetRules
from services.gateway.answering.gathering import GatherRules
from services.gateway.answering.ladder import LadderRules
from services.gateway.answering.query import Rung
from services.gateway.answering.search import SearchRules
from services.gateway.peers.addresses import name_of
from services.gateway.peers.name_watch import WatchRules
from services.photo.header import PhotoLimits


class GatewaySettings(ServerSettings):
    """Settings of the gateway."""

    snapshot_root: str
    """Where snapshots are published: a folder or any fsspec URL."""
    snapshot_id: str = ""
    """The snapshot to plan with, and no other; empty means the one that CURRENT names, now and later."""
    follow_seconds: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Time between two looks at CURRENT; a look costs one small read. 0: stay with the first snapshot."""
    rollout_patience_seconds: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    """How long a switch waits for a shard of which no searcher answers, since the last one did, for one that restarts
    takes so long; and for searchers that have not loaded the snapshot before it is said that they hold it up."""
    topology: Path
    """The shard map: JSON, per shard's slug the targets of its searchers: addresses, or names that stand for all
    replicas."""
    triton: Annotated[tuple[str, ...], NoDecode, Field(min_length=1)] = ("127.0.0.1:8001",)
    """gRPC targets of the Tritons, separated by commas: addresses, or names that stand for all of them. They serve the
    same models, and one that is lost is stepped over."""
    searcher_tls_ca: Path | None = None
    """PEM file with the authorities of the searchers' certificates; None to speak without TLS to them. To those that
    ask for a certificate the gateway shows its own."""
    searcher_tls_server_name: str | None = None
    """The name in all searchers' certificates; None where each has in its own what the topology calls it."""
    triton_tls_ca: Path | None = None
    """As `searcher_tls_ca`, for Triton."""
    triton_tls_server_name: str | None = None
    """As `searcher_tls_server_name`, for Triton."""
    lookup_seconds: float = Field(default=5.0, ge=0.1, allow_inf_nan=False)
    """Time between two look-ups of each name: as long as a new replica may go without its share. Answers are kept for
    their TTL, so that DNS is asked less often than that where it likes."""
    start_timeout_seconds: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    """How long Triton may take to be ready; without it there is nothing to serve."""
    searcher_wait_seconds: float = Field(default=2.0, ge=0, allow_inf_nan=False)
    """How long to wait for searchers that can't be reached yet; a missing one does not keep us from serving."""
    default_timeout_seconds: float = Field(default=2.0, gt=0, le=3_600)
    """Budget of a caller without a deadline: twice the slowest answer a shopper waits for gladly."""
    max_timeout_seconds: float = Field(default=30.0, gt=0, le=3_600)
    """Most that any caller gets."""
    reserve_seconds: float = Field(default=0.02, ge=0, allow_inf_nan=False)
    """Kept back for merging and the way back: 1 ms when cores are free. On two overloaded cores, 5 ms brought a partial
    answer that had waited for a late shard to its caller in the very last moment."""
    scatter_share: float = Field(default=0.2, gt=0, lt=1)
    """Share of the budget that the models must leave to the shards, which are the faster part."""
    light_mass: float = Field(default=0.05, ge=0, lt=1)
    """Shards that stand for no more of the probability mass than this, all together, are not waited for long: the
    answer is partial without them, and hardly another one."""
    light_seconds: float = Field(default=0.05, ge=0, allow_inf_nan=False)
    """How long they are waited for all the same; on busy cores any call may take that."""
    hedge_share: float = Field(default=0.05, ge=0, le=1)
    """Calls to a second replica per call, in the long run: for slow ones, and for failed ones; 0 for none."""
    least_in_flight: int = Field(default_factory=available_cores, ge=1)
    """Photos in work at once that are always allowed: with fewer than one per core, cores would idle."""
    max_in_flight: int = Field(default=64, ge=1)
    """Photos in work at once, at most; below that the limit follows what the machine can do."""
    max_waiting: int = Field(default=64, ge=0)
    """Photos that may wait for their turn; they are refused as soon as it is clear that they would wait too long."""
    pinned_rung: Literal["full", "no_extras", "fewer_shards", "coarse"] | None = None
    """The rung to stay on, for measuring what it costs in quality; none to follow the load."""
    decode_threads: int = Field(default_factory=available_cores, ge=1)
    """Photos decoded at once; one per core, more would only take turns."""
    max_image_bytes: int = Field(default=PhotoLimits().max_bytes, ge=1, le=MAX_PHOTO_BYTES)
    """Largest encoded photo."""
    max_image_pixels: int = Field(default=PhotoLimits().max_pixels, ge=1)
    """Largest photo in pixels."""
    top_p_mass: float = Field(default=0.9, gt=0, le=1)
    """TOP_P's probability mass when the caller names none."""
    agreement_share: float = Field(default=0.01, ge=0, le=1)
    """Share of the routed answers that is compared with an exact search of every shard, once the caller has its answer;
    of 100,000 photos a day, 1 % tells the agreement to within 3 % each day (two standard errors). 0 for none; nor are
    there any without `metrics_port`, for nobody could read what came of them."""
    agreement_in_flight: int = Field(default=1, ge=1)
    """Comparisons at once; each keeps one searcher busy at a time."""
    agreement_busy_above: int = Field(default_factory=available_cores, ge=0)
    """Photos in work above which no comparison begins: with more than one per core, it would make callers wait."""
    agreement_timeout_seconds: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    """Time for one comparison: exact scans of large shards, one after the other, take seconds."""

    @field_validator("triton", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("triton")
    @classmethod
    def _targets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for target in value:
            name_of(target)
        return value

    @model_validator(mode="after")
    def _check_reserve(self) -> Self:
        least = min(self.default_timeout_seconds, self.max_timeout_seconds)
        if self.reserve_seconds >= least:
            raise ValueError(
                f"reserve_seconds is {self.reserve_seconds:g}, which leaves nothing of the {least:g} s that callers "
                "get by default or at most"
            )
        return self

    @property
    def follows(self) -> bool:
        """Whether it moves with CURRENT."""
        return self.follow_seconds > 0 and not self.snapshot_id

    @property
    def searcher_credentials(self) -> Credentials:
        """What searchers are shown, and what they have to show."""
        return credentials_for(self.searcher_tls_ca, self.searcher_tls_server_name, self.tls_certificate, self.tls_key)

    @property
    def triton_credentials(self) -> Credentials:
        """What Triton is shown, and what it has to show."""
        return credentials_for(self.triton_tls_ca, self.triton_tls_server_name, self.tls_certificate, self.tls_key)

    @property
    def watch_rules(self) -> WatchRules:
        """How often names are looked up."""
        return WatchRules(period_seconds=self.lookup_seconds)

    @property
    def photo_limits(self) -> PhotoLimits:
        """What a photo may measure."""
        return PhotoLimits(self.max_image_bytes, self.max_image_pixels)

    @property
    def search_rules(self) -> SearchRules:
        """How the use case decides."""
        return SearchRules(
            top_p_mass=self.top_p_mass,
            budget=BudgetRules(
                self.default_timeout_seconds, self.max_timeout_seconds, self.reserve_seconds, self.scatter_share
            ),
            gather=GatherRules(self.light_mass, self.light_seconds),
        )

    @property
    def admission_rules(self) -> AdmissionRules:
        """How many photos are worked on at once."""
        least = min(self.least_in_flight, self.max_in_flight)
        return AdmissionRules(LimitRules(least=least, most=self.max_in_flight), self.max_waiting)

    @property
    def ladder_rules(self) -> LadderRules:
        """How far to degrade under load."""
        return LadderRules(pinned=None if self.pinned_rung is None else Rung(self.pinned_rung))

    @property
    def agreement_rules(self) -> AgreementRules:
        """How much may be spent on comparing routed answers with exact ones."""
        return AgreementRules(
            share=self.agreement_share if self.metrics_port else 0.0,
            in_flight=self.agreement_in_flight,
            busy_above=self.agreement_busy_above,
            timeout_seconds=self.agreement_timeout_seconds,
        )
