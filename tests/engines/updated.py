"""Corpora that came about by updates: the contract holds for them like for those built at once."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from index.documents.story import Publisher, Source, Story
from index.query.results import IndexStatus
from tests.engines.contract_lookups import ServesCorpora


class ServesUpdated(ServesCorpora):
    """Builds with other stories first, then puts the corpus in their place in two updates."""

    merged = False

    def build(self, directory: Path, corpus: Sequence[Story]) -> IndexStatus:
        half = len(corpus) // 2
        with tempfile.TemporaryDirectory() as name:
            bases = [Path(name) / str(number) for number in range(3)]
            for base in bases:
                base.mkdir()
            first = self.kind.make_writer(bases[0])
            for story in [_decoy("gone"), _decoy("gone-too"), *(_decoy(story.id) for story in corpus)]:
                first.add(story)
            first.finish()
            second = self.kind.make_updater(bases[1], bases[0])
            for story in corpus[:half]:
                second.add(story)
            assert second.delete("gone")
            assert not second.delete("never-there")
            second.finish()
            last = bases[2] if self.merged else directory
            third = self.kind.make_updater(last, bases[1])
            for story in corpus[half:]:
                third.add(story)
            assert third.delete("gone-too")
            assert not third.delete("gone")
            status = third.finish()
            return self.kind.make_updater(directory, last).merge() if self.merged else status


def _decoy(ident: str) -> Story:
    """A story with words, values and sources that no corpus has, but for its publisher and one address."""
    source = Source(url="https://example.com/decoy", title="zzdecoyzz", publisher=Publisher(name="Zz Decoy"))
    shared = Source(url="https://a.example.com/1", title="zzdecoyzz")
    return Story(id=ident, title="zzdecoyzz", topics=("Zz Decoy",), curated_by="Zz Decoy", sources=(source, shared))
