"""Where generations live: in a directory of this machine, or on a cluster. ``store_of`` is the only place that knows
which there are."""

from __future__ import annotations

from pathlib import Path

from index.engines import DEFAULT_ENGINE
from index.engines.opensearch.connection.address import ClusterAddress
from index.stores.base import Store
from index.stores.directory import DirectoryStore

# What the settings call the place of an index.
Location = Path | ClusterAddress


def store_of(place: Location | Store, *, engine: str = DEFAULT_ENGINE, shards: int = 1, replicas: int = 1) -> Store:
    """The store at a place; a store is its own. ``engine`` builds new generations in a directory;
    ``shards`` and ``replicas`` are those of what is built on a cluster. Raises UnknownEngine."""
    if isinstance(place, Path):
        return DirectoryStore(place, engine)
    if isinstance(place, ClusterAddress):
        # Only here: the client of a cluster takes 0.15 s and 20 MB, which nobody without a cluster should pay.
        from index.stores.cluster import ClusterStore

        return ClusterStore(place, shards=shards, replicas=replicas)
    return place
