"""The demo: Fashion-MNIST, indexed, served, and searched under every policy."""

from pathlib import Path

from services.cli.console import messages
from services.cli.display import ProcessDisplay
from services.cli.evaluating import EvaluationJob, evaluate_gateway
from services.cli.indexing import IndexJob, run_indexer
from services.cli.input_digest import digest_of_inputs
from services.cli.progress import steps
from services.cli.supervising.system import SystemSettings, TritonAloneSettings, running_system, running_triton
from services.common.errors import SnapshotInvalid, SnapshotNotFound
from services.common.replacing import write_in_one_step
from services.datasets.fashion_mnist import FashionOptions, prepare
from services.datasets.labelled import read_dataset
from services.evaluation.evaluate import EvaluationOptions
from services.evaluation.schema import Report
from services.photo.labelled import read_photos
from services.snapshot.pruning import prune
from services.snapshot.store import SnapshotStore
from services.snapshot.words import relevance_words
from services.snapshot.writer_lock import default_work_root

_KEPT_SNAPSHOTS = 3  # every run publishes one, and a system may still serve the one before
_CURVE_PHOTOS = 40  # each is searched seven times more: enough to see the curve, and few enough to wait for


class Demo:
    """The demo in a folder of its own; what an earlier run has made there is used again."""

    def __init__(
        self,
        folder: Path,
        *,
        products: int,
        queries: int,
        model_repository: Path = Path("model_repository"),
        triton_environment: Path = Path(".venv-triton"),
    ) -> None:
        """Create the demo; nothing is made yet.

        Args:
            folder: for everything that it makes.
            products: of the gallery.
            queries: photos to search with.
            model_repository: the models to index and search with; by default those of a checkout.
            triton_environment: folder of Triton's own Python environment, made when missing.
        """
        self._folder = folder
        self._options = FashionOptions(products=products, queries=queries)
        self._triton = TritonAloneSettings(
            run_folder=folder / "triton", model_repository=model_repository, triton_environment=triton_environment
        )
        self._dataset = folder / "dataset"
        self._indexed = folder / "indexed.txt"  # the digest of what was indexed last

    @property
    def dataset(self) -> Path:
        """Its dataset folder."""
        return self._dataset

    @property
    def snapshot_root(self) -> str:
        """Where its snapshots are published."""
        return str(self._folder / "snapshots")

    def prepare_dataset(self) -> None:
        """Make the dataset folder when it is missing or of other options.

        Raises:
            DatasetUnavailable: Fashion-MNIST can't be found or fetched.
        """
        _say("dataset", "Fashion-MNIST: gallery and photos")
        with steps() as progress:
            prepare(self._dataset, self._folder.parent / "cache", self._options, progress)

    async def evaluate(self, command: str) -> Report:
        """Index, serve and search everything; write and return the report.

        Raises:
            AisleError: something can't start, or fails; the message says what.
        """
        async with running_triton(self._triton) as triton:
            await self._index(triton)
            _say("system", "searchers and gateway")
            settings = SystemSettings(
                snapshot_root=self.snapshot_root, triton=triton, run_folder=self._folder / "run", gateway_port=0
            )
            with ProcessDisplay(messages()) as display:
                async with running_system(settings, display.show) as system:
                    display.close()
                    _say("search", f"{self._options.queries} photos under every policy")
                    options = EvaluationOptions(curve_photos=_CURVE_PHOTOS)
                    job = EvaluationJob(self._dataset, self._folder, command, options)
                    return await evaluate_gateway(job, system.gateway)

    async def index(self) -> None:
        """Publish a snapshot made with the models of today; vectors that an earlier run has made are used again.

        Raises:
            AisleError: Triton or the indexer failed.
        """
        async with running_triton(self._triton) as triton:
            await self._index(triton)

    async def index_what_changed(self) -> None:
        """Publish a snapshot when the dataset or the models are not those of the last one, or there is none.

        Else what is current stays current, with whatever was added to it since.

        Raises:
            AisleError: as `index`.
        """
        if self._is_indexed():
            _say("index", "as it was: neither the dataset nor the models have changed (`aisle demo` indexes anew)")
        else:
            await self.index()

    def example_photo(self) -> Path:
        """Return one of the photos to search with."""
        dataset = read_dataset(self._dataset)
        assert dataset.queries is not None
        return dataset.image_root / read_photos(dataset.queries, dataset.image_root)[0].photo_path

    def _is_indexed(self) -> bool:
        try:
            SnapshotStore(self.snapshot_root).manifest()
            return self._indexed.read_text(encoding="utf-8").strip() == self._digest()
        except (OSError, SnapshotNotFound, SnapshotInvalid):
            return False

    def _digest(self) -> str:
        return digest_of_inputs(self._dataset, self._triton.model_repository)

    async def _index(self, triton: str) -> None:
        _say("index", "one per category, and one over everything")
        dataset = read_dataset(self._dataset)
        job = IndexJob(dataset.catalogue, dataset.image_root, self.snapshot_root, dataset.name, dataset.val)
        digest = self._digest()  # before: what is replaced meanwhile was not indexed
        await run_indexer(job, triton)
        write_in_one_step(self._indexed, digest + "\n")
        prune(self.snapshot_root, _KEPT_SNAPSHOTS, work_root=default_work_root())
        messages().print(relevance_words(SnapshotStore(self.snapshot_root).manifest().relevance), markup=False)


def _say(stage: str, what: str) -> None:
    messages().print(f"[bold]{stage}[/]: {what}")
