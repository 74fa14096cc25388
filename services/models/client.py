"""The asyncio client of Triton: pixels in, checked embeddings and probabilities out, every call with a deadline."""

from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2, service_pb2_grpc

from services.common.channels import channel_options
from services.common.errors import (
    AisleError,
    DeadlineExceeded,
    Internal,
    ModelUnavailable,
    Overloaded,
    ResourceExhausted,
)
from services.common.requests import Level, remark
from services.common.security.dialling import Dialler
from services.common.telemetry import get_logger
from services.common.tracing import span, trace_headers
from services.models.inference import check_embeddings, check_probabilities, decode_response, encode_request
from services.models.metadata import CLASSIFIER, EMBEDDER, JOINED, OUTPUTS, ModelInfo, parse_model_config

_CHECKS = {EMBEDDER: check_embeddings, CLASSIFIER: check_probabilities}
_CONTROL_TIMEOUT_SECONDS = 5.0
_RETRY_AFTER_SECONDS = 0.1
"""After a full queue: about as long as a few batches take."""

_log = get_logger()


class TritonModels:
    """The models of one Triton, over one channel. Make it, use it and close it in the same event loop.

    It speaks through the generated stub of `tritonclient`, not through its `InferenceServerClient`: both take as long
    (2.3 ms for 150 kB through an empty model), but the stub keeps gRPC's status codes and cancels with its task.

    A Triton serves an embedder and a classifier, or one joined model that is both; each question goes to what is there,
    as the last `describe` found it.

    Every method raises the same errors: `ModelUnavailable` (Triton can't be reached or has no such model),
    `Overloaded` (its queue is full), `DeadlineExceeded` (no answer in time, or none begun in time),
    `Internal` (the model failed, or takes other pixels than these). They name the model; Triton's address and words are
    only logged.
    A cancelled caller cancels the call, and Triton takes the request out of its queue.
    """

    def __init__(self, target: str, dialler: Dialler | None = None, *, authority: str | None = None) -> None:
        """Connect; nothing is sent yet.

        Args:
            target: Triton's gRPC address `host:port`.
            dialler: opens the channel; None for one without TLS.
            authority: the `host:port` that it is known by when that is not the target.
        """
        self._channel = (dialler or Dialler()).open(target, channel_options(authority=authority))
        self._stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self._target = target
        self._served_by: dict[str, str] = {}

    async def ready(self, timeout_seconds: float = _CONTROL_TIMEOUT_SECONDS) -> bool:
        """Return whether Triton has every model loaded and warm; False when it can't be reached."""
        return await self.says_ready(timeout_seconds) is True

    async def says_ready(self, timeout_seconds: float = _CONTROL_TIMEOUT_SECONDS) -> bool | None:
        """Return what Triton says of itself: whether it is ready; None when it says nothing in time."""
        try:
            answer = await self._stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=timeout_seconds)
        except grpc.aio.AioRpcError:
            return None
        return bool(answer.ready)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection right now."""
        return self._channel.get_state() is grpc.ChannelConnectivity.READY

    async def disconnected(self) -> None:
        """Wait until the connection, once there is one, is lost."""
        await self.connected()
        await self._channel.wait_for_state_change(grpc.ChannelConnectivity.READY)

    async def connected(self) -> None:
        """Wait until there is a connection, and see to it that one is tried for."""
        while (state := self._channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
            await self._channel.wait_for_state_change(state)

    async def describe(self, model: str, timeout_seconds: float = _CONTROL_TIMEOUT_SECONDS) -> ModelInfo:
        """Return what a model says about itself: the one of that name, or that half of a joined one.

        Raises:
            FailedPrecondition: its configuration lacks what Aisle needs.
        """
        for name in (model, JOINED) if model in OUTPUTS else (model,):
            config = await self._config(name, timeout_seconds)
            if config is not None:
                info = next(info for info in parse_model_config(config) if info.name == model)
                self._served_by[model] = name
                return info
        raise ModelUnavailable(f"model {model} is not served")

    async def embed(self, pixels: NDArray[np.uint8], timeout_seconds: float) -> NDArray[np.float32]:
        """Return the embeddings of pictures.

        Args:
            pixels: RGB, uint8 ``(n, height, width, 3)`` of the embedder's size, n at most its `max_batch_size`.
            timeout_seconds: time left for the answer.

        Returns:
            Unit vectors, float32 ``(n, dimension)``, read-only.

        Raises:
            ModelOutputInvalid: a vector that is not of unit length.
        """
        [embeddings] = await self._answers((EMBEDDER,), pixels, timeout_seconds)
        return embeddings

    async def classify(self, pixels: NDArray[np.uint8], timeout_seconds: float) -> NDArray[np.float32]:
        """Return the probability of every label for pictures.

        Args:
            pixels: RGB, uint8 ``(n, height, width, 3)`` of the classifier's size, n at most its `max_batch_size`.
            timeout_seconds: time left for the answer.

        Returns:
            Probabilities in the order of the labels, float32 ``(n, labels)``, read-only; every row adds up to 1.

        Raises:
            ModelOutputInvalid: a row that is no probability distribution.
        """
        [probabilities] = await self._answers((CLASSIFIER,), pixels, timeout_seconds)
        return probabilities

    async def embed_and_classify(
        self, pixels: NDArray[np.uint8], timeout_seconds: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what `embed` and `classify` do, from one call to a joined model; arguments and errors are theirs.

        Raises:
            ModelUnavailable: Triton serves two models that are not joined.
        """
        embeddings, probabilities = await self._answers((EMBEDDER, CLASSIFIER), pixels, timeout_seconds)
        return embeddings, probabilities

    async def infer(
        self, model: str, pixels: NDArray[np.uint8], timeout_seconds: float, outputs: Sequence[str] = ()
    ) -> tuple[NDArray[np.float32], ...]:
        """Return any model's answers, float32 ``(n, size)`` each, with nothing checked but their shape.

        Args:
            model: what Triton calls it.
            pixels: as it takes them.
            timeout_seconds: time left for the answer.
            outputs: which of its outputs, in this order; a model that has only one needs none named.
        """
        if timeout_seconds <= 0:
            raise DeadlineExceeded(f"no time left to ask model {model}")
        request = encode_request(model, pixels, timeout_seconds, outputs)
        answer = await self._call(self._stub.ModelInfer, request, model, timeout_seconds)
        return decode_response(answer, model, len(pixels), outputs)

    async def close(self) -> None:
        """Close the channel; calls in flight are cancelled. Closing twice is fine."""
        await self._channel.close(None)

    async def _answers(
        self, halves: Sequence[str], pixels: NDArray[np.uint8], timeout_seconds: float
    ) -> tuple[NDArray[np.float32], ...]:
        """Ask embedder, classifier, or both where they are joined, and check what they say."""
        if halves[-1] not in self._served_by:
            await self.describe(halves[-1], timeout_seconds)
        name = self._served_by[halves[-1]]
        if name != JOINED and len(halves) > 1:
            raise ModelUnavailable(f"model {JOINED} is not served")
        outputs = [OUTPUTS[half] for half in halves] if name == JOINED else ()
        answers = await self.infer(name, pixels, timeout_seconds, outputs)
        for half, answer in zip(halves, answers, strict=True):
            _CHECKS[half](half, answer)
        return answers

    async def _config(self, name: str, timeout_seconds: float) -> Any:
        """Return a model's configuration, None when Triton has no model of that name."""
        try:
            answer = await self._stub.ModelConfig(service_pb2.ModelConfigRequest(name=name), timeout=timeout_seconds)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise self._refused(error, name) from error
        return _understood(answer, name).config

    async def _call(self, method: Any, request: Any, model: str, timeout_seconds: float) -> Any:
        try:
            with span("model", calls=True, model=model, replica=self._target) as traced:
                answer = await method(request, timeout=timeout_seconds, metadata=trace_headers(traced))
        except grpc.aio.AioRpcError as error:
            raise self._refused(error, model) from error
        return _understood(answer, model)

    def _refused(self, error: grpc.aio.AioRpcError, model: str) -> AisleError:
        code, details = error.code(), error.details() or ""
        refused = error_of(code, details, model)
        # A busy or late model is everyday business, which the caller answers or asks again; the rest is not.
        level: Level = "info" if isinstance(refused, Overloaded | DeadlineExceeded) else "warning"
        remark(
            _log,
            "model_call_failed",
            level=level,
            model=model,
            target=self._target,
            code=code.name,
            details=details,
        )
        return refused


def _understood(answer: Any, model: str) -> Any:
    if answer is None:  # what gRPC makes of bytes that are no message
        raise Internal(f"model {model} answered with bytes that are no answer")
    return answer


def error_of(code: grpc.StatusCode, details: str, model: str) -> AisleError:
    """Return the error that a failed call to Triton stands for; its text is ours, for it may reach any caller.

    Triton says UNAVAILABLE for a full queue and for a request that waited too long, too: only the text tells them apart
    (server 2.51: "Exceeds maximum queue size" and "Request timeout expired").
    """
    lowered = details.lower()
    if code is grpc.StatusCode.UNAVAILABLE and "maximum queue size" in lowered:
        return Overloaded(f"the queue of model {model} is full", retry_after_seconds=_RETRY_AFTER_SECONDS)
    if code is grpc.StatusCode.UNAVAILABLE and "timeout expired" in lowered:
        code = grpc.StatusCode.DEADLINE_EXCEEDED
    error, what_happened = _ERRORS.get(code, (Internal, "failed"))
    return error(f"model {model} {what_happened}")


# What is missing here is a defect, INVALID_ARGUMENT too: whoever searches has no say in the pixels' shape.
_ERRORS: dict[grpc.StatusCode, tuple[type[AisleError], str]] = {
    grpc.StatusCode.UNAVAILABLE: (ModelUnavailable, "can't be reached"),
    # The call was not cancelled by us (that raises CancelledError): its channel or Triton is going away.
    grpc.StatusCode.CANCELLED: (ModelUnavailable, "can't be reached"),
    grpc.StatusCode.NOT_FOUND: (ModelUnavailable, "is not served"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (DeadlineExceeded, "did not answer in time"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (ResourceExhausted, "refused a message of that size"),
}
