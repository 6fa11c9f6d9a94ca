"""The command line as a process: with an index, with a server, and with neither."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
import requests

from index.indexer import build_index
from scripts.cli import COMMANDS, main
from tests.e2e.conftest import BIN, ROOT, Server, clean_env, free_port

PAGE = Path(__file__).parents[1] / "unit" / "pages" / "story_page.txt"


def outpost(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / "outpost", *map(str, arguments)], capture_output=True, text=True, env=clean_env())


@pytest.fixture(params=["index", "url"])
def target(request: pytest.FixtureRequest) -> tuple[str, object]:
    """The options that select the sample: as an index, and as a server."""
    if request.param == "index":
        return "--index", request.getfixturevalue("sample_index")
    return "--url", request.getfixturevalue("sample_server").url


def test_search_prints_title_day_publishers_and_snippet(target: tuple[str, object]) -> None:
    ran = outpost("search", '"night ferry"', "--limit", 1, *target)
    assert ran.returncode == 0
    title, facts, snippet = ran.stdout.splitlines()
    assert "night ferry" in title
    assert facts.startswith("2025-")
    assert "sources · id 32" in facts
    assert "night ferry" in snippet
    assert "<mark>" not in ran.stdout


def test_json_is_one_object_a_line_of_every_hit(target: tuple[str, object], sample_server: Server) -> None:
    ran = outpost("search", "ferry", "--json", "--limit", 500, *target)
    hits = [json.loads(line) for line in ran.stdout.splitlines()]
    expected = requests.get(f"{sample_server.url}/v1/search?q=ferry&per_page=100", timeout=10).json()
    assert len(hits) == expected["total"] > 10
    assert hits == expected["results"]


def test_words_to_exclude_and_filters_reach_the_search(target: tuple[str, object]) -> None:
    everything = outpost("search", "ferry", "--json", "--limit", 500, *target).stdout
    ran = outpost("search", "ferry", "-robot", "--topic", "transport", "--json", "--limit", 500, *target)
    hits = [json.loads(line) for line in ran.stdout.splitlines()]
    assert 0 < len(hits) < len(everything.splitlines())
    assert all("transport" in [topic["id"] for topic in hit["topics"]] for hit in hits)


def test_each_suggestion_is_a_line_with_type_text_and_id_or_count(target: tuple[str, object]) -> None:
    ran = outpost("suggest", "night", "fer", "--limit", 2, *target)
    assert ran.returncode == 0
    query, story = ran.stdout.splitlines()
    assert query == "query     night ferry  7 stories"
    assert story.startswith("story ")
    assert "night ferry" in story
    assert "  id 32" in story
    lines = outpost("suggest", "--json", *target).stdout.splitlines()
    assert {json.loads(line)["type"] for line in lines} == {"query", "topic", "publisher", "story"}


def test_nothing_found_ends_with_1(target: tuple[str, object]) -> None:
    for command in (
        ("search", "zyzzyva"),
        ("show", "none"),
        ("related", "none"),
        ("suggest", "zyzzyva"),
        ("sources", "zyzzyva"),
        ("export", "zyzzyva"),
        ("timeline", "zyzzyva"),
        ("facet", "topic", "zyzzyva"),
        ("lookup", "https://example.com/zyzzyva"),
        ("facet", "colour"),
    ):
        ran = outpost(*command, *target)
        assert (ran.returncode, ran.stdout) == (1, ""), command
        assert ran.stderr.strip(), command


def test_the_error_for_a_missing_story_lists_similar_ids(target: tuple[str, object]) -> None:
    assert "similar ids: 310" in outpost("show", "3100", *target).stderr


def test_show_prints_the_whole_story(target: tuple[str, object]) -> None:
    shown = outpost("show", "31001", *target).stdout
    for part in ("Curated by Ada Lindqvist", "A cold start at Port Ellery", "[1] [2]", "Sources", "Related"):
        assert part in shown
    as_json = json.loads(outpost("show", "31001", "--json", *target).stdout)
    assert {"sections", "sources", "related"} <= as_json.keys()


def test_related_sources_and_status_answer(target: tuple[str, object]) -> None:
    assert "similar" in outpost("related", "31001", *target).stdout
    assert "cited by" in outpost("sources", "ferry", "--publisher", "Harbor Ledger", *target).stdout
    assert "stories        72" in outpost("status", *target).stdout
    assert json.loads(outpost("status", "--json", *target).stdout)["stories"] == 72


def test_facet_timeline_and_lookup_answer(target: tuple[str, object], sample_server: Server) -> None:
    assert outpost("facet", "topic", "tran", *target).stdout.split() == ["8", "Transport", "(transport)"]
    chart = outpost("timeline", "ferry", "--interval", "month", *target).stdout.splitlines()
    assert chart[0].split()[:2] == ["2025-01", "3"]
    assert "█" in chart[0]
    url = next(
        source["url"] for source in requests.get(f"{sample_server.url}/v1/sources", timeout=10).json()["results"]
    )
    assert "sources · id" in outpost("lookup", f"{url}/#top", *target).stdout


def test_an_export_is_built_again_to_the_same_export(target: tuple[str, object], tmp_path: Path) -> None:
    exported = outpost("export", *target)
    assert (exported.returncode, exported.stdout.count("\n")) == (0, 72)
    (tmp_path / "stories.ndjson").write_text(exported.stdout)
    assert outpost("build", tmp_path / "stories.ndjson", "--index", tmp_path / "index").returncode == 0
    assert outpost("export", "--index", tmp_path / "index").stdout == exported.stdout
    assert 0 < outpost("export", "ferry", "--year", "2025", *target).stdout.count("\n") < 72


def test_a_connection_error_ends_with_2() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ran = outpost("search", "ferry", "--url", url)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"Error: no answer from {url}: nothing listens at this address\n"


def test_a_missing_index_ends_with_2(tmp_path: Path) -> None:
    ran = outpost("search", "ferry", "--index", tmp_path / "none")
    assert ran.returncode == 2
    assert "nothing has been built there; 'outpost build FILE' does" in ran.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ("search", "--topci", "ai", "ferry"),
        ("search", "x", "--url", "127.0.0.1:8000"),
        ("search", "x", "--index", "a", "--url", "http://b"),
        ("search", "x", "--limit", "0"),
        ("show",),
        ("nonsense",),
    ],
)
def test_wrong_use_ends_with_2(wrong: tuple[str, ...]) -> None:
    ran = outpost(*wrong)
    assert ran.returncode == 2
    assert "Error" in ran.stderr


def test_a_bad_value_prints_the_error_of_the_api(target: tuple[str, object]) -> None:
    ran = outpost("search", "ferry", "--from", "yesterday", *target)
    assert ran.returncode == 2
    assert "from must be a day (2025-01-31), a time" in ran.stderr


def test_an_imported_page_leads_on_to_its_related_stories_in_page_order(tmp_path: Path) -> None:
    imported = outpost("import", PAGE)
    assert imported.returncode == 0
    assert "the page gives no year" in imported.stderr
    stories = [json.loads(line) for line in imported.stdout.splitlines()]
    (tmp_path / "page.ndjson").write_text(imported.stdout)
    build_index(tmp_path / "index", [tmp_path / "page.ndjson"])
    ran = outpost("related", stories[0]["id"], "--json", "--index", tmp_path / "index")
    related = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [story["id"] for story in related] == stories[0]["related"]
    assert {story["reason"] for story in related} == {"curated"}
    assert [story["source_count"] for story in related] == [len(story["sources"]) for story in stories[1:]]


def test_a_file_that_is_not_a_page_prints_nothing_and_ends_with_2() -> None:
    ran = outpost("import", PAGE, Path(__file__))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "test_cli.py:" in ran.stderr


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        "search --help",
        "search ferry --url",
        "suggest fer --url",
        "show 31001 --url",
        "related 31001 --url",
        "sources ferry --url",
        "facet topic --url",
        "timeline ferry --url",
        "export ferry --url",
        "status --url",
    ],
)
def test_commands_that_need_no_engine_do_not_import_it(command: str, sample_server: Server) -> None:
    arguments = command.split() + ([sample_server.url] if command.endswith("--url") else [])
    program = (
        "import sys\n"
        "from scripts.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=ROOT, env=clean_env()
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout
    modules = set(ran.stderr.split())
    assert "click" in modules
    assert modules & {"numba", "numpy", "flask", "whoosh", "marshmallow", "granian", "opensearchpy"} == set()


def test_every_command_is_listed_with_a_help_text_and_its_own_name() -> None:
    context, shown = click.Context(main), outpost("--help").stdout
    for name, listed in COMMANDS.items():
        command = main.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help
        assert listed.help in shown
