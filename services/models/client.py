"""The asyncio client of Triton: pixels in, checked embeddings and probabilities out, every call with a deadline."""

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
from services.common.telemetry import get_logger
from services.models.inference import check_embeddings, check_probabilities, decode_response, encode_request
from services.models.metadata import ModelInfo, parse_model_config

EMBEDDER = "embedder"
CLASSIFIER = "classifier"
_CONTROL_TIMEOUT_SECONDS = 5.0
_RETRY_AFTER_SECONDS = 0.1
"""After a full queue: about as long as a few batches take."""

_log = get_logger()


class TritonModels:
    """The models of one Triton, over one channel. Make it, use it and close it in the same event loop.

    It speaks through the generated stub of `tritonclient`, not through its `InferenceServerClient`: both take as long
    (2.3 ms for 150 kB through an empty model), but the stub keeps gRPC's status codes and cancels with its task.

    Every method raises the same errors: `ModelUnavailable` (Triton can't be reached or has no such model),
    `Overloaded` (its queue is full), `DeadlineExceeded` (no answer in time, or none begun in time),
    `Internal` (the model failed, or takes other pixels than these). They name the model; Triton's address and words are
    only logged.
    A cancelled caller cancels the call, and Triton takes the request out of its queue.
    """

    def __init__(self, target: str) -> None:
        """Connect to `target`, Triton's gRPC address `host:port`; nothing is sent yet."""
        self._channel = grpc.aio.insecure_channel(target, options=channel_options())
        self._stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self._target = target

    async def ready(self, timeout_seconds: float = _CONTROL_TIMEOUT_SECONDS) -> bool:
        """Return whether Triton has every model loaded and warm; False when it can't be reached."""
        try:
            answer = await self._stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=timeout_seconds)
        except grpc.aio.AioRpcError:
            return False
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
        """Return what a model says about itself.

        Raises:
            FailedPrecondition: its configuration lacks what Aisle needs.
        """
        request = service_pb2.ModelConfigRequest(name=model)
        answer = await self._call(self._stub.ModelConfig, request, model, timeout_seconds)
        return parse_model_config(answer.config)

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
        embeddings = await self.infer(EMBEDDER, pixels, timeout_seconds)
        check_embeddings(EMBEDDER, embeddings)
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
        probabilities = await self.infer(CLASSIFIER, pixels, timeout_seconds)
        check_probabilities(CLASSIFIER, probabilities)
        return probabilities

    async def infer(self, model: str, pixels: NDArray[np.uint8], timeout_seconds: float) -> NDArray[np.float32]:
        """Return any model's answer, float32 ``(n, size)``, with nothing checked but its shape."""
        if timeout_seconds <= 0:
            raise DeadlineExceeded(f"no time left to ask model {model}")
        request = encode_request(model, pixels, timeout_seconds)
        answer = await self._call(self._stub.ModelInfer, request, model, timeout_seconds)
        return decode_response(answer, model, len(pixels))

    async def close(self) -> None:
        """Close the channel; calls in flight are cancelled. Closing twice is fine."""
        await self._channel.close(None)

    async def _call(self, method: Any, request: Any, model: str, timeout_seconds: float) -> Any:
        try:
            answer = await method(request, timeout=timeout_seconds)
        except grpc.aio.AioRpcError as error:
            code, details = error.code(), error.details() or ""
            refused = error_of(code, details, model)
            # A busy or late model is everyday business, which the caller answers or asks again; the rest is not.
            log = _log.info if isinstance(refused, Overloaded | DeadlineExceeded) else _log.warning
            log("model_call_failed", model=model, target=self._target, code=code.name, details=details)
            raise refused from error
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
