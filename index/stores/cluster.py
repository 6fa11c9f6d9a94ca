"""Stores generations on an OpenSearch cluster.

    NAME                   alias of the index with the stories of the current generation; moved in one atomic step
    NAME-g7-s1-f1          index with the stories of a generation; those with -sources and -lists appended belong to it.
                           ``_meta`` of its mapping holds the manifest. It is written last: its presence means that the
                           generation is complete
    NAME-lock              a document that exists while a build runs and that the build renews

The replaced generation stays until the next build, because requests and exports may still read it. An update changes
the current generation in place and gives it a new name in its manifest.
"""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from index.analysis.schema import SCHEMA_VERSION
from index.engines.base import Engine
from index.engines.opensearch.build.bulk import BulkLoader
from index.engines.opensearch.build.lock import hold_lock
from index.engines.opensearch.build.recount import recount
from index.engines.opensearch.build.updater import ClusterUpdater
from index.engines.opensearch.build.writer import ClusterWriter, create_indices, name_indices, settle_indices
from index.engines.opensearch.connection.address import ClusterAddress
from index.engines.opensearch.connection.client import BUILD_PATIENCE, Cluster, RequestRefused
from index.engines.opensearch.engine import ClusterEngine
from index.engines.opensearch.format.documents import delete_line, entry_id, index_line
from index.engines.opensearch.format.mappings import FORMAT_VERSION, LISTS
from index.engines.opensearch.lookups.dictionary import REMOVED_KIND, describe_removed
from index.engines.opensearch.lookups.ids import ClusterIds
from index.errors import (
    BuildFailed,
    IndexDamaged,
    IndexMissing,
    IndexUnavailable,
    OutpostError,
    QueryTimeout,
    VersionMismatch,
)
from index.files.disk import sync
from index.files.manifest import Manifest, check_versions, compare_versions
from index.query.requests import SearchQuery, SourceQuery
from index.query.results import IndexStatus
from index.stores.base import CheckedGeneration, GenerationHandle

Json = dict[str, Any]
ENGINE = "opensearch"
# _FRESH: seconds between two checks for a new generation. _GLANCE: seconds to wait for the answer to a check; after
# that the request uses the known generation.
_FRESH, _GLANCE = 1.0, 2.0
_UNKNOWN = ("", "")
_META = "outpost"
_log = logging.getLogger(__name__)


class ClusterStore:
    """A Store (index.stores.base). ``shards`` and ``replicas`` apply to new indices."""

    def __init__(self, address: ClusterAddress, *, shards: int = 1, replicas: int = 1) -> None:
        self.address, self._shards, self._replicas = address, shards, replicas
        self._cluster, self._building = Cluster(address), Cluster(address, BUILD_PATIENCE)
        self._glancing = Cluster(address, _GLANCE)
        self._asking = threading.Lock()
        self._asked, self._stamp = float("-inf"), _UNKNOWN

    def __str__(self) -> str:
        return str(self.address)

    def read_stamp(self) -> tuple[str, str]:
        """The index behind the alias and its build id. Does not change while the cluster is unreachable."""
        # As long as there is no index, each request checks for one, so that a first build is seen at once.
        due = self._stamp == _UNKNOWN or time.monotonic() - self._asked >= _FRESH
        if due and self._asking.acquire(blocking=False):
            try:
                name, manifest = self._find_current(self._glancing)
                self._stamp = name, manifest.build
            except (OutpostError, RequestRefused) as error:
                _log.debug("could not check for a new generation: %s", error)
            except Exception:
                # Not an answer of OpenSearch. The open generation keeps serving.
                _log.exception("could not check for a new generation")
            finally:
                self._asked = time.monotonic()
                self._asking.release()
        return self._stamp

    def open_current(self) -> GenerationHandle:
        cluster = Cluster(self.address)
        try:
            name, manifest = self._find_current()
            engine = ClusterEngine(cluster, name, manifest.status, lambda: self._is_current(name, manifest.build))
        except QueryTimeout as error:
            raise IndexUnavailable(self.address, "the cluster does not answer in time") from error
        except RequestRefused as error:
            raise IndexUnavailable(self.address, f"the cluster refused a request: {error.reason}") from error
        self._stamp = name, manifest.build
        return GenerationHandle(
            manifest=manifest, engine=engine, story_ids=ClusterIds(cluster, name), release=lambda: None
        )

    def _find_current(self, cluster: Cluster | None = None) -> tuple[str, Manifest]:
        """The index behind the alias and its manifest. Raises IndexMissing, IndexDamaged or VersionMismatch."""
        cluster = cluster or self._cluster
        try:
            found: Json = cluster.send("GET", f"/_alias/{self.address.alias}")
        except RequestRefused as error:
            raise IndexMissing(self.address, "nothing has been built there; 'outpost build FILE' does") from error
        names = [name for name in found if self._read_version(name)]
        if len(names) != 1:
            raise IndexDamaged(
                self.address,
                f"the alias should point to one generation, but points to {', '.join(sorted(found)) or 'nothing'}",
            )
        return names[0], self._read_manifest(cluster, names[0])

    def _read_manifest(self, cluster: Cluster, name: str) -> Manifest:
        # Before the manifest is read, because other versions may use another format.
        check_versions(self.address, name, FORMAT_VERSION)
        answer = cluster.send("GET", f"/{name}/_mapping", filter_path="*.mappings._meta")
        try:
            found = answer[name]["mappings"]["_meta"][_META]
            manifest = msgspec.convert(found, Manifest)
        except (KeyError, TypeError, msgspec.ValidationError) as error:
            raise IndexDamaged(self.address, f"the manifest of {name} cannot be read: {error}") from error
        compare_versions(self.address, manifest, ENGINE, FORMAT_VERSION)
        if msgspec.to_builtins(manifest) != found:
            # Unknown, missing or differently spelled fields: this version did not write it.
            raise IndexDamaged(self.address, f"the manifest of {name} has other fields than this version writes")
        return manifest

    def _is_current(self, name: str, build: str) -> bool:
        """True if the index ``name`` still has the build id ``build``: it was neither updated nor removed."""
        try:
            return self._read_manifest(self._cluster, name).build == build
        except (RequestRefused, VersionMismatch):
            return False

    def _read_version(self, name: str) -> int | None:
        match = re.fullmatch(re.escape(self.address.alias) + r"-g(\d+)-s\d+-f\d+", name)
        return int(match[1]) if match else None

    def check(self) -> Iterator[CheckedGeneration]:
        """Check the manifest and the numbers of documents. The cluster itself checks its files."""
        try:
            opened = self.open_current()
        except (IndexDamaged, VersionMismatch) as error:
            yield CheckedGeneration(faults=(error.reason,))
            return
        name, status = opened.manifest.generation, opened.manifest.status
        try:
            found = {
                "stories": (status.stories, opened.engine.search_stories(SearchQuery(limit=0)).total),
                "sources": (status.sources, opened.engine.search_sources(SourceQuery(limit=0)).total),
                "publishers": (status.publishers, len(opened.engine.list_publishers())),
            }
        finally:
            opened.engine.close()
            opened.release()
        about = ", ".join(f"{count:,} {kind}" for kind, (_, count) in found.items()) + " found"
        if opened.manifest.updating:
            # The numbers in the manifest are valid again after this update, or the next one, has finished.
            yield CheckedGeneration(name=name, current=True, about=f"{about}, an update is running or was interrupted")
            return
        wrong = (f"{name} has {n:,} {kind} instead of {said:,}" for kind, (said, n) in found.items() if n != said)
        yield CheckedGeneration(
            name=name,
            current=True,
            about=f"{about} (the cluster checks its own files)",
            faults=tuple(wrong),
            complete=True,
        )

    def remove_unused(self) -> None:
        """Does nothing: the next build removes them, because other processes may read them for a second more."""

    @contextmanager
    def begin(self, *, incremental: bool) -> Iterator[ClusterBuild]:
        current = self._find_current_or_none(incremental)
        with hold_lock(self._building, self.address) as lock:
            current = self._find_current_or_none(incremental)
            version = self._clean(current[0] if current else None)
            try:
                building = ClusterBuild(self._building, version, current, lock.check, incremental=incremental)
                if not incremental:
                    building.create(self._shards, self._replicas)
                try:
                    yield building
                except BaseException:
                    building.discard()
                    raise
                self._clean(None)
            except RequestRefused as error:
                raise BuildFailed(f"the cluster refused a request: {error.reason}") from error
            except QueryTimeout as error:
                raise BuildFailed(f"the cluster did not answer within {error.seconds:g} seconds") from error

    def _find_current_or_none(self, incremental: bool) -> tuple[str, Manifest] | None:
        try:
            return self._find_current()
        except IndexUnavailable as error:
            if incremental or not self._cluster.is_there():
                raise
            if isinstance(error, IndexDamaged | VersionMismatch):
                _log.warning("removed stories will be unknown: %s", error)
            return None

    def _clean(self, current: str | None) -> int:
        """Remove leftovers of killed builds and all replaced generations but the newest; return the next version."""
        found = self._cluster.send("GET", f"/{self.address.alias}-g*/_mapping", filter_path="*.mappings._meta,*.none")
        listed = self._cluster.send("GET", f"/_cat/indices/{self.address.alias}-g*", h="index", format="json")
        # Indices behind the alias are never removed.
        behind = set(self._cluster.find_alias(self.address.alias))
        versions = {
            name: version for entry in listed if (version := self._read_version(name := entry["index"])) is not None
        }
        whole = {name for name in versions if _META in found.get(name, {}).get("mappings", {}).get("_meta", {})}
        replaced = sorted((name for name in whole - behind), key=versions.__getitem__)
        for name in sorted(versions.keys() - behind - set(replaced[-1:])):
            self._cluster.send("DELETE", f"/{name_indices(name)}", ignore_unavailable="true")
        numbers = [*versions.values(), 0]
        if current:
            numbers.append(int(self._read_manifest(self._cluster, current).generation[1:].partition("-")[0]))
        return max(numbers) + 1


class ClusterBuild:
    """A Build (index.stores.base): indices that nobody searches, or with ``incremental`` those of ``current``."""

    def __init__(
        self,
        cluster: Cluster,
        version: int,
        current: tuple[str, Manifest] | None,
        check: Callable[[], None],
        *,
        incremental: bool,
    ) -> None:
        self._cluster, self._current, self._check, self._incremental = cluster, current, check, incremental
        self._generation = f"g{version}-s{SCHEMA_VERSION}-f{FORMAT_VERSION}"
        self._name = current[0] if incremental and current else f"{cluster.address.alias}-{self._generation}"
        self._replicas = 0
        self._kept_rejects = cluster.address.scratch / "rejects.ndjson"
        self._kept_rejects.parent.mkdir(parents=True, exist_ok=True)
        self.rejects = self._kept_rejects.with_suffix(".new")

    def create(self, shards: int, replicas: int) -> None:
        self._replicas = replicas
        create_indices(self._cluster, self._name, shards)

    def make_writer(self) -> ClusterWriter:
        return ClusterWriter(self._cluster, self._name)

    def make_updater(self) -> ClusterUpdater:
        assert self._current
        manifest = self._current[1]
        if manifest.updating:
            _log.warning("an update of %s was interrupted: counting its words and labels again", self._name)
            recount(self._cluster, self._name)
        started = msgspec.structs.replace(manifest, updating=True)
        return ClusterUpdater(self._cluster, self._name, manifest.status, lambda: self._write_manifest(started))

    def describe(self, status: IndexStatus, present: Collection[str], removed: Collection[str]) -> None:
        self._status = status
        bulk = BulkLoader(self._cluster)
        lists = self._name + LISTS
        if self._incremental:
            for ident in removed:
                document = describe_removed(ident)
                bulk.add(index_line(lists, entry_id(REMOVED_KIND, ident), f"removed {ident}", document))
            for ident in present:
                bulk.add(delete_line(lists, entry_id(REMOVED_KIND, ident), f"removed {ident}"))
        elif self._current:
            try:
                for ident in ClusterIds(self._cluster, self._current[0]).iter_ever():
                    if ident not in present:
                        document = describe_removed(ident)
                        bulk.add(index_line(lists, entry_id(REMOVED_KIND, ident), f"removed {ident}", document))
            except (OutpostError, RequestRefused) as error:
                _log.warning("removed stories will be unknown: %s", error)
        bulk.finish()
        self._cluster.send("POST", f"/{lists}/_refresh")

    def keep_rejects(self, refused: int) -> Path | None:
        if refused:
            sync(self.rejects)
            self.rejects.rename(self._kept_rejects)
            sync(self._kept_rejects.parent)
            return self._kept_rejects
        self.rejects.unlink(missing_ok=True)
        self._kept_rejects.unlink(missing_ok=True)
        return None

    def open(self) -> Engine:
        return ClusterEngine(Cluster(self._cluster.address, BUILD_PATIENCE), self._name, self._status)

    def publish(self) -> tuple[str, int]:
        self._check()
        manifest = Manifest(
            generation=self._generation,
            build=uuid.uuid4().hex,
            engine=ENGINE,
            schema_version=SCHEMA_VERSION,
            format_version=FORMAT_VERSION,
            built_at=datetime.now(UTC).replace(microsecond=0),
            status=self._status,
        )
        if not self._incremental:
            settle_indices(self._cluster, self._name, self._replicas)
        self._write_manifest(manifest)
        if not self._incremental:
            self._switch()
        stats = self._cluster.send("GET", f"/{name_indices(self._name)}/_stats/store")
        return self._generation, int(stats["_all"]["primaries"]["store"]["size_in_bytes"])

    def _switch(self) -> None:
        """Move the alias in one atomic step: a search finds either the old stories or the new ones."""
        alias = self._cluster.address.alias
        before = [{"remove": {"index": name, "alias": alias}} for name in self._cluster.find_alias(alias)]
        actions = [*before, {"add": {"index": self._name, "alias": alias}}]
        self._cluster.send("POST", "/_aliases", {"actions": actions})

    def _write_manifest(self, manifest: Manifest) -> None:
        meta = {"_meta": {_META: msgspec.to_builtins(manifest)}}
        self._cluster.send("PUT", f"/{self._name}/_mapping", meta)

    def discard(self) -> None:
        """Remove a new generation. An interrupted update stays as it is; the next update counts its words again."""
        self.rejects.unlink(missing_ok=True)
        if self._incremental:
            return
        try:
            self._cluster.send("DELETE", f"/{name_indices(self._name)}", ignore_unavailable="true")
        except (OutpostError, RequestRefused) as error:
            _log.warning("%s could not be removed; the next build will do it: %s", self._name, error)
