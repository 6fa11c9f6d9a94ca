"""An index may be built by plain Whoosh: it is served, updated and answered like one of columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from api.app import create_app
from api.settings import InvalidSetting, Settings
from index.errors import UnknownEngine
from index.indexer import build_index, update_index
from index.stores import store_of
from scripts.cli import main

SAMPLE = Path("sample/stories.ndjson")
_PATHS = ("/v1/search?q=the+tide&facets=topic&sort=newest", "/v1/search?q=har*&sort=newest", "/v1/sources?q=harbour")


def _ask(index: Path) -> list[object]:
    """Total, ids in order and facets of each answer."""
    client = create_app(Settings(index=index)).test_client()
    answers = [client.get(path).get_json() for path in _PATHS]
    return [(answer["total"], [hit["id"] for hit in answer["results"]], answer.get("facets")) for answer in answers]


def _find_first(index: Path) -> str:
    """The id of the most relevant story; the order of those after it depends on the engine's scores."""
    client = create_app(Settings(index=index)).test_client()
    return str(client.get("/v1/search?q=the+tide").get_json()["results"][0]["id"])


def _engine_of(index: Path) -> str:
    return str(create_app(Settings(index=index)).test_client().get("/status").get_json()["engine"])


def test_the_same_stories_and_facets_come_from_an_index_of_whoosh(tmp_path: Path) -> None:
    command = ["build", str(SAMPLE), "--index", str(tmp_path / "whoosh"), "--engine", "whoosh"]
    built = CliRunner().invoke(main, command)
    assert built.exit_code == 0, built.output
    build_index(tmp_path / "columns", [SAMPLE])
    assert (_engine_of(tmp_path / "whoosh"), _engine_of(tmp_path / "columns")) == ("whoosh", "columns")
    assert _ask(tmp_path / "whoosh") == _ask(tmp_path / "columns")
    best = [_find_first(tmp_path / engine) for engine in ("whoosh", "columns")]
    assert best[0] == best[1]
    found = CliRunner().invoke(main, ["search", "tide", "--index", str(tmp_path / "whoosh")])
    assert found.exit_code == 0, found.output


def test_an_update_goes_on_with_the_engine_of_the_index(tmp_path: Path) -> None:
    build_index(store_of(tmp_path, engine="whoosh"), [SAMPLE])
    line = tmp_path / "one.ndjson"
    line.write_text('{"id": "40001", "title": "Tide mill opens"}\n')
    assert update_index(tmp_path, [line]).status.stories == 73
    assert _engine_of(tmp_path) == "whoosh"
    build_index(tmp_path, [SAMPLE])
    assert _engine_of(tmp_path) == "columns"


def test_an_engine_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownEngine, match="columns, whoosh"):
        store_of(tmp_path, engine="lucene")
    with pytest.raises(InvalidSetting, match="allowed: columns, whoosh, opensearch://"):
        Settings.from_env({"OUTPOST_ENGINE": "lucene"})


def test_the_setting_names_the_engine() -> None:
    settings = Settings.from_env({"OUTPOST_ENGINE": "whoosh"})
    assert (settings.directory_engine, settings.place) == ("whoosh", settings.index)


def test_an_index_on_a_cluster_has_no_other_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPOST_ENGINE", "opensearch://127.0.0.1:1/x")
    refused = CliRunner().invoke(main, ["build", str(SAMPLE), "--engine", "whoosh"])
    assert refused.exit_code == 2
    assert "--engine needs an index in a directory" in refused.output
