"""Stores of generations: a local directory or an OpenSearch cluster. ``store_of`` chooses between them."""

from __future__ import annotations

from pathlib import Path

from index.engines import DEFAULT_ENGINE
from index.engines.opensearch.connection.address import ClusterAddress
from index.stores.base import Store
from index.stores.directory import DirectoryStore

# Where an index is: a directory, or the address of a cluster.
Location = Path | ClusterAddress


def store_of(location: Location | Store, *, engine: str = DEFAULT_ENGINE, shards: int = 1, replicas: int = 1) -> Store:
    """The store at a location; a store is returned as it is.

    ``engine``: builds new generations in a directory. ``shards``, ``replicas``: for builds on a cluster. Raises
    UnknownEngine.
    """
    if isinstance(location, Path):
        return DirectoryStore(location, engine)
    if isinstance(location, ClusterAddress):
        # Imported on demand: the client of a cluster takes 0.15 s and 20 MB.
        from index.stores.cluster import ClusterStore

        return ClusterStore(location, shards=shards, replicas=replicas)
    return location
