"""What the models take, for Prometheus, as the gateway sees it: whichever Triton answered, and with its queue."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.common.call_metrics import SECONDS
from services.common.children import Children
from services.common.errors import AisleError, DeadlineExceeded, Internal, ModelUnavailable, Overloaded
from services.gateway.answering.ports import Classified, Embedding, Models
from services.models.metadata import CLASSIFIER, EMBEDDER, JOINED, ModelInfo
from services.photo.intake import Pixels

_NAMES = (EMBEDDER, CLASSIFIER, JOINED)
_USUAL = (ModelUnavailable, Overloaded, DeadlineExceeded, Internal)


class MeasuredModels:
    """The two models, each call timed and counted; as `services.gateway.answering.ports.Models`."""

    def __init__(
        self,
        models: Models,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Add the metrics to the registry.

        Args:
            models: asked for everything.
            registry: where.
            clock: seconds, monotonic.
        """
        self._models = models
        self._clock = clock
        seconds = Histogram(
            "aisle_gateway_model_seconds",
            "From asking a model to its answer or its error; a joined one is asked once for what two are.",
            ("model",),
            buckets=SECONDS,
            registry=registry,
        )
        errors = Counter(
            "aisle_gateway_model_errors",
            "Questions that a model did not answer, by the reason.",
            ("model", "reason"),
            registry=registry,
        )
        self._seconds = {name: seconds.labels(name) for name in _NAMES}
        self._errors = Children[tuple[str, str], Counter](errors, lambda key: key)
        for name in _NAMES:
            for error in _USUAL:
                self._errors[name, error.reason]

    @property
    def embedder(self) -> ModelInfo:
        """The one whose vectors are searched for."""
        return self._models.embedder

    @property
    def classifiers(self) -> tuple[ModelInfo, ...]:
        """Those that serve, the one seen last at the end."""
        return self._models.classifiers

    @property
    def are_joined(self) -> bool:
        """Whether one model is both."""
        return self._models.are_joined

    async def embed(self, pixels: Pixels, timeout_seconds: float) -> Embedding:
        """Return unit vectors float32 `[N, D]`."""
        with self._asked(EMBEDDER):
            return await self._models.embed(pixels, timeout_seconds)

    async def classify(self, pixels: Pixels, timeout_seconds: float) -> Classified:
        """Return the categories' probabilities."""
        with self._asked(CLASSIFIER):
            return await self._models.classify(pixels, timeout_seconds)

    async def embed_and_classify(self, pixels: Pixels, timeout_seconds: float) -> tuple[Embedding, Classified]:
        """Return both from one call, where the models are joined."""
        with self._asked(JOINED):
            return await self._models.embed_and_classify(pixels, timeout_seconds)

    @contextmanager
    def _asked(self, model: str) -> Iterator[None]:
        began = self._clock()
        try:
            yield
        except AisleError as error:
            self._errors[model, error.reason].inc()
            raise
        finally:
            self._seconds[model].observe(self._clock() - began)
