"""A gateway's answer with every field set."""

from aisle.search.v1 import search_pb2


def answer_of(product_id: str, *, partial: bool) -> search_pb2.SearchResponse:
    """Return an answer whose one hit is `product_id`; a partial one lacks the shard of bags."""
    shards = [
        search_pb2.ShardCoverage(
            category="shoes",
            state=search_pb2.ShardState.SHARD_STATE_ANSWERED,
            probability=0.875,
            exhausted=True,
            wave=1,
        ),
        search_pb2.ShardCoverage(
            category="bags",
            state=search_pb2.ShardState.SHARD_STATE_LATE,
            probability=0.125,
            detail="250 ms were not enough",
            wave=2,
        ),
    ]
    response = search_pb2.SearchResponse(
        hits=[
            search_pb2.Hit(
                product_id=product_id,
                image_id="image-1",
                category="shoes",
                score=0.75,
                similarity=0.5,
                image_path="shoes/1.jpg",
            )
        ],
        categories=[search_pb2.CategoryProbability(category="shoes", probability=0.875)],
        coverage=search_pb2.Coverage(
            share=0.875 if partial else 1.0,
            planned_share=1.0,
            partial=partial,
            shards=shards if partial else shards[:1],
        ),
        photo=search_pb2.PhotoReport(
            format="JPEG", width=40, height=30, orientation=6, decode_reduction=2, cropped=True
        ),
        timings=[search_pb2.StageTiming(stage="decode"), search_pb2.StageTiming(stage="total")],
        snapshot_id="snapshot-1",
        models=[search_pb2.ModelVersion(name="embedder", version="lite0", sha256="ab")],
        rung=search_pb2.Rung.RUNG_FULL,
        verdict=search_pb2.Verdict.VERDICT_MATCH,
    )
    response.coverage.shards[0].latency.FromMicroseconds(1_500)
    response.timings[0].duration.FromMicroseconds(2_500)
    response.timings[1].duration.FromMilliseconds(20)
    return response
