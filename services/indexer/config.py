"""Settings of the indexer."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from services.common.cores import available_cores
from services.common.security.credentials import Credentials, credentials_for
from services.common.settings import Settings
from services.common.telemetry import LogLevel
from services.snapshot.index_rules import IndexRules, memory_limit
from services.snapshot.writer_lock import default_work_root


class IndexerSettings(Settings):
    """The indexer: makes a snapshot from a catalogue, or adds one to the current snapshot, and publishes it."""

    catalogue: Path
    """CSV or Parquet file; docs/catalogue.md has its schema."""
    image_root: Path
    """Folder that the catalogue's picture paths are relative to."""
    snapshot_root: str = Field(min_length=1)
    """Where to publish: a folder or an fsspec URL."""
    add: bool = False
    """Whether to add the catalogue's pictures to the current snapshot instead of building one of nothing else."""
    ignore_existing: bool = False
    """Whether to pass over pictures that the snapshot has already when adding; else they are refused."""
    replace: bool = False
    """Whether to publish a whole catalogue also over a snapshot that became current while it was built, or over a
    damaged CURRENT; else that is refused, since what was changed meanwhile would be lost."""
    photos: Path | None = None
    """CSV file of labelled photos that scores are fitted to (docs/catalogue.md); without, scores only rank."""
    photos_root: Path | None = None
    """Folder that the photos' paths are relative to; the image root when not given."""
    triton: str = "127.0.0.1:8001"
    """Triton's gRPC address; 8001 is its own default."""
    triton_tls_ca: Path | None = None
    """PEM file with the authorities of Triton's certificate; None to speak without TLS to it."""
    triton_tls_server_name: str | None = None
    """The name in Triton's certificate, when it is not the address's."""
    tls_certificate: Path | None = None
    """PEM file with the indexer's certificate, for a Triton that asks for one."""
    tls_key: Path | None = None
    """PEM file with its key."""
    dataset: str = ""
    """The catalogue's name, for people; empty: the name of its file."""
    baseline: bool = True
    """Whether to build the one index over the whole gallery, too; it doubles the snapshot's size."""
    index_factory: str = ""
    """FAISS's factory string for every index; empty: chosen by size (docs/benchmarks has the curves)."""
    index_recall: float = Field(default=0.99, gt=0, le=1)
    """Share of the ten best products that an index has to find, tried with pictures when it is built."""
    index_memory_mb: float | None = Field(default=None, gt=0)
    """What one index may take beside the exact vectors, which are mapped from the disk; none: no limit."""
    max_unreadable_share: float = Field(default=0.01, ge=0, le=1)
    """Share of pictures that may be unreadable; more points to a wrong image root rather than to bad files."""
    batch_size: int = Field(default=8, ge=1)
    """Pictures per request; batches gain little on a CPU, and small ones keep a crash cheap."""
    in_flight: int = Field(default=8, ge=1)
    """Requests being prepared or answered at a time, so that Triton never waits for a picture to be decoded."""
    decode_threads: int = Field(default_factory=available_cores, ge=1)
    """Pictures decoded at a time."""
    timeout_seconds: float = Field(default=30.0, gt=0)
    """Time that one request to Triton may take."""
    patience_seconds: float = Field(default=60.0, ge=0)
    """How long a request is repeated while Triton is full or restarting."""
    work_root: Path = Field(default_factory=default_work_root)
    """Where unfinished work is kept when the snapshot root is remote; a local root has it in its own `building`."""
    log_level: LogLevel = "info"
    """The least level that is written."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.add and self.photos is not None:
            raise ValueError(
                "photos are tried on whole catalogues: what is added takes over the scores of the snapshot"
            )
        if self.add and self.replace:
            raise ValueError("what is added is added to the current snapshot: replace is for whole catalogues")
        if self.ignore_existing and not self.add:
            raise ValueError("ignore_existing is for what is added: a whole catalogue has each picture once")
        return self

    @property
    def triton_credentials(self) -> Credentials:
        """What Triton is shown, and what it has to show."""
        return credentials_for(self.triton_tls_ca, self.triton_tls_server_name, self.tls_certificate, self.tls_key)

    @property
    def index_rules(self) -> IndexRules:
        """What indexes are to be like."""
        return IndexRules(self.index_factory, self.index_recall, memory_limit(self.index_memory_mb))
