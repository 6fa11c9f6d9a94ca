"""The cluster as the contract suite sees engines: a directory stands for the indices of one generation."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from index.engines.opensearch.build.updater import ClusterUpdater
from index.engines.opensearch.build.writer import ClusterWriter, create_indices, name_indices
from index.engines.opensearch.connection.address import ClusterAddress
from index.engines.opensearch.connection.client import Cluster
from index.engines.opensearch.engine import ClusterEngine
from index.engines.opensearch.format.mappings import FORMAT_VERSION
from index.query.results import IndexStatus


class ClusterKind:
    """An EngineKind (index.engines.base). Making indices takes 0.5 seconds and emptying them 0.08, so that those whose
    directory was given back are used again."""

    name = "opensearch"
    format_version = FORMAT_VERSION

    def __init__(self, address: ClusterAddress) -> None:
        self.address = address
        self.cluster = Cluster(address)
        self._names: dict[Path, str] = {}
        self._free: list[str] = []

    def make_writer(self, directory: Path) -> ClusterWriter:
        name = self._names[directory] = self._take()
        return ClusterWriter(self.cluster, name)

    def _take(self) -> str:
        if not self._free:
            name = f"contract-{uuid4().hex[:12]}"
            create_indices(self.cluster, name, shards=1)
            return name
        name = self._free.pop()
        everything = {"query": {"match_all": {}}}
        self.cluster.send("POST", f"/{name_indices(name)}/_delete_by_query", everything, refresh="true")
        return name

    def make_updater(self, directory: Path, base: Path) -> ClusterUpdater:
        self._names[directory] = self._names[base]
        return ClusterUpdater(
            self.cluster, self._names[base], IndexStatus(stories=0, sources=0, publishers=0, newest=None)
        )

    def open(self, directory: Path, status: IndexStatus) -> ClusterEngine:
        # An engine closes its connections.
        return ClusterEngine(Cluster(self.address), self._names.get(directory, "contract-none"), status)

    def give_back(self, directory: Path) -> None:
        if name := self._names.get(directory):
            self._free.append(name)
            self._names = {path: other for path, other in self._names.items() if other != name}
