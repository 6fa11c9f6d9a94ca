"""The columns keep the contract: built at once, grown by updates into several segments, and merged again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from index.documents.story import Story
from index.engines.columns import ColumnsKind
from index.engines.columns.build import writer
from index.query.results import IndexStatus
from tests.engines.contract import EngineContract
from tests.engines.updated import ServesUpdated
from tests.support.factories import make_story


class TestColumns(EngineContract):
    kind = ColumnsKind()


class TestColumnsInSegments(ServesUpdated, EngineContract):
    kind = ColumnsKind()


class TestColumnsOfManySegments(EngineContract):
    """As a build of more documents than fit into one."""

    kind = ColumnsKind()

    def build(self, directory: Path, corpus: Sequence[Story]) -> IndexStatus:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writer, "SEGMENT_SIZE", 2)
            return super().build(directory, corpus)


class TestColumnsMerged(ServesUpdated, EngineContract):
    kind = ColumnsKind()
    merged = True


@pytest.mark.parametrize("bound", ["SEGMENT_SIZE", "SEGMENT_WORDS"])
def test_a_build_begins_a_new_segment_after_so_many_stories_or_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(writer, bound, 2)
    own = writer.ColumnsWriter(tmp_path)
    for number in range(5):
        own.add(make_story(str(number), title="One"))
    assert own.finish().segments == 3
