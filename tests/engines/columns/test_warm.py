"""Once an index is open, no question has to wait for a compiler."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

from index.analysis.folding import read_typed
from index.analysis.schema import STORY_DEFAULTS, STORY_FIELDS
from index.engines.columns.kernels import inversion, tokens
from index.live import LiveIndex
from index.query.language import parse_query
from index.query.requests import FacetRequest, Filters, HighlightOptions, SearchQuery, Sort, SourceQuery, ValueFilter
from index.suggestions import suggest
from tests.engines.columns.running import MODULES, find_kernels
from tests.support.factories import build_stories, make_story

_TEXTS = (
    "new light", "light the moon", "light OR moon", '"new light"', "lig*", "light -moon", "-light", "title:light",
    "light lig*", '"new light" mo*', "lig* mo*", "light (moon OR sun*)", '-"new light"', "light -mo*", "-a* -light",
    'publisher:light OR "new light"', "(light moon) OR (sun -star)", "light topic:moon", "none", "",
)  # fmt: skip
_FILTERS = (
    Filters(),
    Filters((ValueFilter("topic", frozenset({"space"})),)),
    Filters((ValueFilter("topic", frozenset({"space", "energy"})), ValueFilter("publisher", frozenset({"none"})))),
    Filters((ValueFilter("topic", frozenset({"space"}), frozenset({"energy"})),), min_sources=1),
)
_FIELDS = tuple(field.name for field in STORY_FIELDS)


def ask_everything(root: Path) -> dict[str, tuple[int, int]]:
    """How many variants of each kernel are compiled when the index is open, and after every kind of question."""
    lazy = (inversion, tokens)  # only building uses them
    modules = [module for module in MODULES if module not in lazy]
    names = {name: one for module in modules for name, one in find_kernels(module).items()}
    live = LiveIndex(root)
    with live.borrow() as generation:
        before = {name: len(kernel.signatures) for name, kernel in names.items()}
        for text, filters, sort, scope in itertools.product(_TEXTS, _FILTERS, Sort, (STORY_DEFAULTS, ("title",))):
            tree = parse_query(text, _FIELDS)
            for names_counted, limit in (((), 20), (("topic", "publisher"), 20), (("topic", "publisher"), 300)):
                facets = FacetRequest(names_counted, sort="count" if limit == 20 else "value")
                query = SearchQuery(tree, scope, filters, sort, facets, limit=limit, highlighting=HighlightOptions())
                generation.engine.search_stories(query)
            generation.engine.search_sources(SourceQuery(tree, ValueFilter("publisher", frozenset({"x"}))))
        for story in generation.engine.find_stories(["1", "2"]):
            generation.engine.find_similar(story, 3, frozenset())
        for text in ("l", "light m", "new light on t", "x ", ""):
            suggest(generation, read_typed(text), 10)
    live.close()
    return {name: (before[name], len(kernel.signatures)) for name, kernel in names.items()}


def test_no_question_compiles_anything_that_opening_did_not(tmp_path: Path) -> None:
    # A process of its own: here others have compiled.
    built = build_stories(tmp_path / "index", [make_story("1", title="New light on the moon", topics=["Space"])])
    compiled = _ask_in_a_process(built)
    assert {name: counts for name, counts in compiled.items() if counts[0] != counts[1]} == {}


def _ask_in_a_process(root: Path) -> dict[str, list[int]]:
    command = [sys.executable, "-m", "tests.engines.columns.test_warm", str(root)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, list[int]] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    print(json.dumps(ask_everything(Path(sys.argv[1]))))
