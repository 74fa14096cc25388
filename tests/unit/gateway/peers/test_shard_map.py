"""The shard map as it stands now."""

from services.gateway.peers.addresses import Addresses
from services.gateway.peers.shard_map import ShardMap


def test_each_shard_has_the_addresses_of_its_targets() -> None:
    """Those of names once they are found, and none twice."""
    addresses = Addresses(["shoes:1", "10.0.0.9:1"])
    shards = ShardMap({"shoes": ["shoes:1", "10.0.0.9:1"], "bags": ["shoes:1"], "hats": []}, addresses)
    assert dict(shards) == {"shoes": ("10.0.0.9:1",), "bags": (), "hats": ()}
    before = shards["bags"]
    addresses.learn("shoes:1", ["10.0.0.1:1", "10.0.0.9:1"])
    shards.refresh()
    assert dict(shards) == {"shoes": ("10.0.0.1:1", "10.0.0.9:1"), "bags": ("10.0.0.1:1", "10.0.0.9:1"), "hats": ()}
    assert (before, len(shards), shards.get("gloves")) == ((), 3, None)
