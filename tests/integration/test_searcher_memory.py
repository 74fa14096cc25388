"""What a rendered searcher is given is enough for a real one."""

import asyncio
import signal
from pathlib import Path

from services.benchmarks.scale.memory import resident
from services.kubernetes.sizing import PROCESS_BYTES, need_of
from tests.support.processes import started
from tests.support.snapshots import publish_snapshot

IMAGES = 20_000


async def test_two_snapshots_fit_into_what_is_asked_for(tmp_path: Path) -> None:
    """The second is loaded beside the first and shares nothing with it; no more than twice as much is asked for."""
    first = publish_snapshot(tmp_path, {"Bag": IMAGES}, dimension=128)
    need = need_of(first.manifest.category_shards)
    async with started("searcher", "--snapshot-root", str(tmp_path), "--search-threads", str(need.cores)) as searcher:
        await searcher.logged("serving")
        publish_snapshot(tmp_path, {"Bag": IMAGES}, dimension=128, seed=1, hours_later=1)
        async with asyncio.timeout(30):
            await searcher.logged("snapshot_switched")
        taken = resident([searcher.pid]).rss
        searcher.signal(signal.SIGTERM)
        assert await searcher.ended() == 0
    assert PROCESS_BYTES / 2 < taken <= need.memory_bytes <= 2 * taken
