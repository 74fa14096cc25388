"""Puts a context around every call of a method, from its first message to its last, as interceptors do."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, aclosing
from typing import Any

import grpc
import grpc.aio

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Any  # grpc.RpcMethodHandler, which is generic in its stubs only


def within(handler: Handler, surroundings: Callable[[Context], AbstractContextManager[object]]) -> Handler:
    """Return a handler of the same kind, each call of which is carried out within what is made for it.

    Args:
        handler: of a method that takes one message or a stream and gives one answer, or that streams both ways.
        surroundings: makes the context manager of a call.
    """

    async def answered(requests: Any, context: Context) -> Any:
        with surroundings(context):
            return await one_answer(requests, context)

    async def streamed(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        with surroundings(context):
            async with aclosing(handler.stream_stream(requests, context)) as responses:
                async for response in responses:
                    yield response

    serializers = (handler.request_deserializer, handler.response_serializer)
    one_answer = handler.unary_unary or handler.stream_unary
    if handler.unary_unary is not None:
        return grpc.unary_unary_rpc_method_handler(answered, *serializers)
    if handler.stream_unary is not None:
        return grpc.stream_unary_rpc_method_handler(answered, *serializers)
    return grpc.stream_stream_rpc_method_handler(streamed, *serializers)
