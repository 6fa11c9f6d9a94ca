"""Documents to the indices of a new generation. Memory is bounded by the number of distinct words, of labels, and by
what waits to be sent; which stories cite an article is gathered in a file of this machine while the build runs."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from index.documents.story import Story
from index.engines.indexed import text_of_source
from index.engines.label_counts import LabelCounts, SourceStore
from index.engines.opensearch.build.bulk import BulkLoader
from index.engines.opensearch.connection.client import Cluster, RequestRefused
from index.engines.opensearch.format import mappings
from index.engines.opensearch.format.documents import (
    StoryTexts,
    describe_source,
    describe_story,
    entry_id,
    index_line,
)
from index.engines.opensearch.lookups.dictionary import iter_tallies
from index.engines.opensearch.words.vocabulary import ClusterVocabulary
from index.errors import BuildFailed
from index.query.results import IndexStatus

Json = dict[str, Any]


class ClusterWriter:
    """A GenerationWriter (index.engines.base) that fills the empty indices of the generation ``name``.

    ``loader`` takes what it makes, if not one of its own.
    """

    def __init__(self, cluster: Cluster, name: str, loader: BulkLoader | None = None) -> None:
        self._cluster, self._name = cluster, name
        self._bulk = loader or BulkLoader(cluster)
        self._scratch = contextlib.ExitStack()
        directory = self._scratch.enter_context(tempfile.TemporaryDirectory(prefix="outpost-build-"))
        self._cited = SourceStore(Path(directory) / "cited.sqlite")
        self._label_counts, self._vocabulary = LabelCounts(), ClusterVocabulary()
        self._status = IndexStatus(stories=0, sources=0, publishers=0, newest=None)

    def add(self, story: Story) -> None:
        texts = StoryTexts(story)
        document = {**describe_story(story, texts), "added": self._status.stories}
        self._bulk.add(index_line(self._name, story.id, f"story {story.id}", document))
        self._count(story, texts)

    def count(self, story: Story) -> None:
        """Take what follows from a story that is there already."""
        self._count(story, StoryTexts(story))

    def _count(self, story: Story, texts: StoryTexts) -> None:
        self._label_counts.add(story, texts.labels)
        self._vocabulary.add(texts)
        self._cited.add(story)
        self._status = self._status.with_story(story)

    def finish(self) -> IndexStatus:
        sources = 0
        for stored in self._cited.iter_merged():
            sources += 1
            self._label_counts.count_source(stored.source)
            self._vocabulary.add_source(text_of_source(stored.source))
            line = index_line(self._name + mappings.SOURCES, stored.id, f"source {stored.id}", describe_source(stored))
            self._bulk.add(line)
        self._vocabulary.finish()
        for kind, value, entry in self._iter_entries():
            self._bulk.add(index_line(self._name + mappings.LISTS, entry_id(kind, value), f"{kind} {value}", entry))
        self._bulk.finish()
        self._let_go()
        self._cluster.send("POST", f"/{name_indices(self._name)}/_refresh")
        publishers = sum(tally.story_count > 0 for tally in self._label_counts.tallies.publishers.values())
        return replace(self._status, sources=sources, publishers=publishers)

    def _iter_entries(self) -> Iterator[tuple[str, str, Json]]:
        yield from iter_tallies(self._label_counts.tallies)
        yield from self._vocabulary.iter_entries()

    def abort(self) -> None:
        self._bulk.abort()
        self._let_go()

    def _let_go(self) -> None:
        self._cited.close()
        self._scratch.close()


def create_indices(cluster: Cluster, name: str, shards: int) -> None:
    """Empty ones, with no replicas and no refresh until ``settle_indices``. Raises BuildFailed."""
    # The lists are a hundredth of the stories: one shard holds those of 100 million.
    bodies = {
        name: mappings.make_stories(shards),
        name + mappings.SOURCES: mappings.make_sources(shards),
        name + mappings.LISTS: mappings.make_lists(1),
    }
    for index, body in bodies.items():
        try:
            cluster.send("PUT", f"/{index}", body)
        except RequestRefused as error:
            raise BuildFailed(f"the cluster makes no index {index}: {error.reason}") from error


def settle_indices(cluster: Cluster, name: str, replicas: int) -> None:
    """Let the cluster copy what was loaded, and refresh as usual."""
    settings = {"index": {"number_of_replicas": replicas, "refresh_interval": None}}
    cluster.send("PUT", f"/{name_indices(name)}/_settings", settings)


def name_indices(name: str) -> str:
    """All indices of a generation, as paths have them."""
    return ",".join(name + suffix for suffix in mappings.SUFFIXES)
