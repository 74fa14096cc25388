"""How large shards are."""

from services.kubernetes.quantities import amount
from services.kubernetes.wishes import Packs
from services.snapshot.sizes import SMALL_SHARD_BYTES, SMALL_SHARDS_TOGETHER, file_bytes
from tests.support.manifests import BYTES_PER_IMAGE, shard_of


def test_every_file_of_every_segment_counts() -> None:
    """Of all shards that are given; none have nothing."""
    bag, coat = shard_of("Bag", 10, bytes_per_item=100), shard_of("Coat", 5)
    two = bag.model_copy(update={"images": 20, "segments": bag.segments * 2})
    assert file_bytes([]) == 0
    assert file_bytes([bag]) == 10 * (BYTES_PER_IMAGE + 100)
    assert file_bytes([two, coat]) == 20 * (BYTES_PER_IMAGE + 100) + 5 * BYTES_PER_IMAGE


def test_small_is_the_same_on_one_machine_and_in_a_cluster() -> None:
    """An overlay that asks for nothing else calls the same shards small, and puts as many together."""
    assert amount(Packs().below) == SMALL_SHARD_BYTES
    assert Packs().shards == SMALL_SHARDS_TOGETHER
    assert Packs().below == "64Mi"  # as docs/kubernetes.md has it
