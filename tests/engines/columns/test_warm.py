"""Kernels are compiled before the first request, and the process says so."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

from index.analysis.folding import parse_typed_text
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
    Filters(values=(ValueFilter(facet="topic", any_of=frozenset({"space"})),)),
    Filters(
        values=(
            ValueFilter(facet="topic", any_of=frozenset({"space", "energy"})),
            ValueFilter(facet="publisher", any_of=frozenset({"none"})),
        )
    ),
    Filters(
        values=(ValueFilter(facet="topic", any_of=frozenset({"space"}), none_of=frozenset({"energy"})),), min_sources=1
    ),
)
_FIELDS = tuple(field.name for field in STORY_FIELDS)


def run_every_query(root: Path) -> dict[str, tuple[int, int]]:
    """The number of compiled signatures of each kernel, after opening the index and after every kind of query."""
    lazy = (inversion, tokens)  # only a build uses them
    modules = [module for module in MODULES if module not in lazy]
    compiled = {name: kernel for module in modules for name, kernel in find_kernels(module).items()}
    live = LiveIndex(root)
    with live.borrow() as generation:
        before = {name: len(kernel.signatures) for name, kernel in compiled.items()}
        for text, filters, sort, scope in itertools.product(_TEXTS, _FILTERS, Sort, (STORY_DEFAULTS, ("title",))):
            tree = parse_query(text, _FIELDS)
            for names_counted, limit in (((), 20), (("topic", "publisher"), 20), (("topic", "publisher"), 300)):
                facets = FacetRequest(names=names_counted, sort="count" if limit == 20 else "value")
                query = SearchQuery(
                    tree=tree,
                    search_in=scope,
                    filters=filters,
                    sort=sort,
                    facets=facets,
                    limit=limit,
                    highlighting=HighlightOptions(),
                )
                generation.engine.search_stories(query)
            generation.engine.search_sources(
                SourceQuery(tree=tree, publishers=ValueFilter(facet="publisher", any_of=frozenset({"x"})))
            )
        for story in generation.engine.find_stories(["1", "2"]):
            generation.engine.find_similar(story, 3, frozenset())
        for text in ("l", "light m", "new light on t", "x ", ""):
            suggest(generation, parse_typed_text(text), 10)
    live.close()
    return {name: (before[name], len(kernel.signatures)) for name, kernel in compiled.items()}


def test_no_query_compiles_a_kernel_after_the_index_is_open(tmp_path: Path) -> None:
    # In a new process: other tests have compiled kernels in this one.
    built = build_stories(tmp_path / "index", [make_story("1", title="New light on the moon", topics=["Space"])])
    compiled = _run_in_new_process(built)
    assert {name: counts for name, counts in compiled.items() if counts[0] != counts[1]} == {}


def _run_in_new_process(root: Path) -> dict[str, list[int]]:
    command = [sys.executable, "-m", "tests.engines.columns.test_warm", str(root)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, list[int]] = json.loads(done.stdout)
    return answer


# The smallest kernel: compiling it takes a second.
_RUN_ONE_KERNEL = """
import numpy as np
from index.engines.columns.kernels import tokens
for _ in range(2):
    assert tokens.step(np.frombuffer(b"a", np.uint8), 0) == 1
"""


def test_compiling_is_announced_once_and_not_with_a_warm_cache(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    printed = [
        subprocess.run(
            [sys.executable, "-c", _RUN_ONE_KERNEL], env=environment, check=True, capture_output=True, text=True
        ).stderr
        for _ in range(2)
    ]
    assert printed == ["Compiling the search kernels, once: half a minute …\n", ""]


if __name__ == "__main__":
    print(json.dumps(run_every_query(Path(sys.argv[1]))))
