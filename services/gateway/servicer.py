"""`aisle.search.v1.SearchService` on the wire: converts, calls the use case, converts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc.aio
from aisle.search.v1 import search_pb2 as pb
from aisle.search.v1 import search_pb2_grpc

from services.common.errors import AisleError, CoverageTooLow, InvalidArgument, NotServing
from services.common.interceptors import as_aisle_error
from services.common.paging import page_of
from services.common.requests import part_of_stream
from services.common.tracing import span
from services.filters.conversion import attribute_messages
from services.gateway.answering.search import PhotoSearch
from services.gateway.conversion import (
    criticality_from,
    found_of,
    model_from,
    query_from,
    response_from,
    stream_error_from,
)
from services.gateway.streaming import answers_of

STREAM_IN_FLIGHT = 16
_MAX_REQUEST_ID_LENGTH = 128

Context = grpc.aio.ServicerContext[Any, Any]


class SearchServicer(search_pb2_grpc.SearchServiceServicer):
    """Serves the use case that it is given once the gateway has started."""

    def __init__(self) -> None:
        """Create it; until `serve`, calls end UNAVAILABLE."""
        self._search: PhotoSearch | None = None
        self._draining = asyncio.Event()

    def serve(self, search: PhotoSearch) -> None:
        """Answer from now on."""
        self._search = search

    def drain(self) -> None:
        """Read no more from the streams, which end once everything that was read is answered."""
        self._draining.set()

    async def Search(self, request: pb.SearchRequest, context: Context) -> pb.SearchResponse:  # noqa: N802
        """Answer one photo."""
        try:
            return await self._answer(request, context.time_remaining())
        except CoverageTooLow as too_low:
            found = found_of(too_low)
            too_low.details = () if found is None else (found,)
            raise

    async def SearchStream(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.SearchStreamRequest], context: Context
    ) -> AsyncIterator[pb.SearchStreamResponse]:
        """Answer many photos, each as it is ready, at most `STREAM_IN_FLIGHT` at once."""

        async def answer(request: pb.SearchStreamRequest) -> pb.SearchStreamResponse:
            return await self._answer_one_of_many(request, context)

        responses = answers_of(request_iterator, answer, in_flight=STREAM_IN_FLIGHT, draining=self._draining)
        async with aclosing(responses):
            async for response in responses:
                yield response

    async def GetCatalog(self, request: pb.GetCatalogRequest, context: Context) -> pb.GetCatalogResponse:  # noqa: ARG002, N802
        """Tell what can be searched, one page of categories at a time."""
        search = self._serving()
        catalog, manifest = search.catalog, search.catalog.manifest
        shards = sorted(catalog.shards, key=lambda shard: shard.category)
        page, next_page_token = page_of(manifest.snapshot_id, len(shards), request.page_size, request.page_token)
        unroutable = set(catalog.unroutable)
        return pb.GetCatalogResponse(
            categories=[
                pb.CatalogCategory(
                    category=shard.category,
                    products=shard.products,
                    images=shard.images,
                    routable=shard.category not in unroutable,
                )
                for shard in shards[page]
            ],
            next_page_token=next_page_token,
            snapshot_id=manifest.snapshot_id,
            space_id=manifest.space_id,
            models=[model_from(version) for version in search.versions],
            has_baseline=catalog.baseline is not None,
            is_adaptive_fitted=catalog.fusion is not None,
            attributes=attribute_messages(catalog.attributes),
        )

    async def _answer(
        self, request: pb.SearchRequest, remaining_seconds: float | None, *, id_in_stream: str | None = None
    ) -> pb.SearchResponse:
        search = self._serving()
        try:
            if id_in_stream is not None:
                _check_request_id(id_in_stream)
            query = query_from(request)
        except AisleError as bad:
            search.refused(bad, criticality_from(request))
            raise
        return response_from(await search.answer(query, remaining_seconds))

    async def _answer_one_of_many(self, request: pb.SearchStreamRequest, context: Context) -> pb.SearchStreamResponse:
        with part_of_stream(request.request_id) as photo, span("photo", request_id=photo.id):
            try:
                remaining_seconds = context.time_remaining()
                response = await self._answer(request.request, remaining_seconds, id_in_stream=request.request_id)
            except Exception as error:  # noqa: BLE001 - one bad photo must not end the stream for the others
                known = as_aisle_error(error, where="SearchStream")
                photo.failed(known.code, known.reason)
                return pb.SearchStreamResponse(request_id=request.request_id, error=stream_error_from(known))
            return pb.SearchStreamResponse(request_id=request.request_id, response=response)

    def _serving(self) -> PhotoSearch:
        if self._search is None:
            raise NotServing("this gateway is still starting; retry with back-off")
        return self._search


def _check_request_id(request_id: str) -> None:
    if not 1 <= len(request_id) <= _MAX_REQUEST_ID_LENGTH:
        raise InvalidArgument(f"request_id must have 1 to {_MAX_REQUEST_ID_LENGTH} characters", field="request_id")
