"""Every error of every kind has the one body."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.errors import PROBLEMS
from api.settings import Settings
from index import generations
from tests.api.conftest import MakeClient
from tests.api.helpers import check_problem, faults_of, get
from tests.support.factories import build_stories, change_manifest, make_story

INDEX_PATHS = ["/v1/search", "/v1/stories", "/v1/stories/1", "/v1/stories/1/related", "/v1/stories/1/sources"]
INDEX_PATHS += ["/v1/sources", "/v1/sources/x", "/v1/publishers", "/v1/publishers/x", "/readyz", "/status"]
INDEX_PATHS += ["/v1/stories/1.jsonld"]


# --- 400 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("per_page=500", "invalid_parameter"),
        ("colour=red", "unknown_parameter"),
        ("q=a&q=b", "repeated_parameter"),
        ("page=101&per_page=100", "page_window_exceeded"),
    ],
)
def test_one_kind_of_fault_gives_the_problem_its_code(client: FlaskClient, query: str, code: str) -> None:
    body = check_problem(client.get(f"/v1/search?{query}"), 400, code)
    assert [error["parameter"] in body["detail"] for error in body["errors"]] == [True]


def test_all_faults_are_told_at_once(client: FlaskClient) -> None:
    query = "per_page=500&topics=x&q=a&q=b&sort=best&from=yesterday&highlight=yes"
    assert sorted(faults_of(client.get(f"/v1/search?{query}"))) == [
        ("from", "invalid_value"),
        ("highlight", "invalid_value"),
        ("per_page", "out_of_range"),
        ("q", "repeated_parameter"),
        ("sort", "invalid_value"),
        ("topics", "unknown_parameter"),
    ]


def test_a_window_too_far_is_told_beside_other_faults(client: FlaskClient) -> None:
    faults = faults_of(client.get("/v1/search?page=200&per_page=100&colour=red&sort=best"))
    assert sorted(faults) == [
        ("colour", "unknown_parameter"),
        ("page", "page_window_exceeded"),
        ("sort", "invalid_value"),
    ]


def test_faults_stand_in_the_order_of_the_request(client: FlaskClient) -> None:
    faults = faults_of(client.get("/v1/search?zz=1&page=0&aa=1&sort=x&mm=1"))
    assert [name for name, _ in faults] == ["zz", "page", "aa", "sort", "mm"]


def test_a_fault_says_value_and_what_is_allowed(client: FlaskClient) -> None:
    (error,) = client.get("/v1/search?per_page=500").json["errors"]
    assert error == {
        "parameter": "per_page",
        "code": "out_of_range",
        "value": "500",
        "allowed": "1..100",
        "hint": None,
    }


def test_a_word_out_of_a_few_is_refused_with_those_few(client: FlaskClient) -> None:
    (error,) = client.get("/v1/search?sort=best").json["errors"]
    assert error["allowed"] == "one of relevance, newest, oldest, updated, sources"


@pytest.mark.parametrize(("wrong", "right"), [("topics", "topic"), ("perpage", "per_page"), ("Q", None), ("x", None)])
def test_an_unknown_name_gets_the_nearest_as_hint(client: FlaskClient, wrong: str, right: str | None) -> None:
    (error,) = client.get(f"/v1/search?{wrong}=1").json["errors"]
    assert error["hint"] == (f"did you mean {right}?" if right else None)
    assert {"q", "topic", "per_page", "from"} <= set(error["allowed"].split(", "))


def test_an_endpoint_without_parameters_says_so(client: FlaskClient) -> None:
    (error,) = client.get("/v1/sources/x?q=1").json["errors"]
    assert error["allowed"] == "no parameters"


@pytest.mark.parametrize("path", [*INDEX_PATHS, "/healthz", "/problems/gone"])
def test_every_endpoint_refuses_what_it_does_not_know(nowhere: FlaskClient, path: str) -> None:
    assert faults_of(nowhere.get(f"{path}?nonsense=1"), "unknown_parameter") == [("nonsense", "unknown_parameter")]


def test_the_page_window_ends_at_ten_thousand(client: FlaskClient) -> None:
    assert client.get("/v1/search?page=100&per_page=100").status_code == 200
    body = check_problem(client.get("/v1/search?page=101&per_page=100"), 400, "page_window_exceeded")
    (error,) = body["errors"]
    assert error["parameter"] == "page"
    assert "10000" in error["allowed"]
    assert error["hint"]


# --- 404, 405, 410, 413, 414 -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/v1",
        "/v1/",
        "/v1/search/",
        "/v1//search",
        "/v2/search",
        "/v1/stories/",
        "/v1/stories/never",
        "/v1/stories/never/related",
        "/v1/stories/never/sources",
        "/v1/stories/31001/nope",
        "/v1/sources/never",
        "/v1/publishers/never",
        "/problems/never",
        "/docs/never.js",
        "/docs/../LICENSE",
        "/docs/..%2f..%2fpyproject.toml",
        "/v1/stories/%00",
        "/v1/stories/%ff%ed%a0%80",
        "/v1/stories/" + "a" * 5000,
        "/v1/stories/%3Cscript%3E",
    ],
)
def test_what_is_not_there_is_404(client: FlaskClient, path: str) -> None:
    body = check_problem(client.get(path), 404, "not_found")
    assert len(body["instance"]) <= 1000


@pytest.mark.parametrize("name", ["%00", "%22", "a", "%E2%80%AE", "31001-"])
@pytest.mark.parametrize("path", ["/v1/stories/{}", "/v1/stories/{}.jsonld", "/v1/sources/{}", "/problems/{}"])
def test_a_long_name_that_is_not_there_is_not_repeated_whole(client: FlaskClient, path: str, name: str) -> None:
    response = client.get(path.format(name * 5000))
    check_problem(response, 404, "not_found")
    assert len(response.data) < 8000


def test_a_missing_story_has_ids_that_look_like_it(client: FlaskClient) -> None:
    near = client.get("/v1/stories/3101").json["near"]
    assert near
    assert all(client.get(f"/v1/stories/{ident}").status_code == 200 for ident in near)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "FOO"])
@pytest.mark.parametrize("path", [*INDEX_PATHS, "/healthz", "/problems/gone", "/openapi.json", "/docs"])
def test_other_methods_are_405_with_allow(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, method=method)
    check_problem(response, 405, "method_not_allowed")
    assert {name.strip() for name in response.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}


def test_a_story_that_a_build_left_out_is_gone(make_client: MakeClient, tmp_path: Path) -> None:
    root = tmp_path / "index"
    build_stories(root, [make_story("stays"), make_story("goes")])
    client = make_client(root)
    get(client, "/v1/stories/goes")
    build_stories(root, [make_story("stays")])
    for part in ("", "/related", "/sources"):
        body = check_problem(client.get(f"/v1/stories/goes{part}"), 410, "gone")
        assert "goes" in body["detail"]
    check_problem(client.get("/v1/stories/never"), 404, "not_found")
    get(client, "/v1/stories/stays")
    build_stories(root, [make_story("stays"), make_story("goes")])
    get(client, "/v1/stories/goes")


def test_a_large_body_is_413(client: FlaskClient) -> None:
    for method in ("GET", "POST"):
        check_problem(client.open("/v1/search", method=method, data=b"x" * 65_537), 413, "too_large")
    assert client.get("/v1/search", data=b"x" * 65_536).status_code == 200


@pytest.mark.parametrize("url", ["/v1/search?q=" + "a" * 200_000, "/v1/stories/" + "a" * 200_000, "/" + "a" * 200_000])
def test_a_long_url_is_414_and_not_sent_back(client: FlaskClient, url: str) -> None:
    response = client.get(url)
    check_problem(response, 414, "too_large")
    assert len(response.data) < 2000


@pytest.mark.parametrize(
    "path",
    [
        "/v1/stories/{}", "/v1/stories/{}/related", "/v1/stories/{}/sources", "/v1/stories/{}.jsonld", "/v1/sources/{}",
        "/v1/publishers/{}", "/v1/facets/{}", "/problems/{}", "/sitemaps/{}", "/oembed?url=/s/{:.1900}",
    ],
)  # fmt: skip
def test_an_id_longer_than_any_is_not_sent_back_whole(client: FlaskClient, path: str) -> None:
    response = client.get(path.format("a" * 60_000))
    check_problem(response, 404, "not_found")
    assert len(response.data) < 2000


# --- 500, 503 ----------------------------------------------------------------------------------------------


def test_an_unexpected_exception_is_500_and_tells_nothing(tmp_path: Path) -> None:
    app = create_app(Settings(index=tmp_path))

    def fail() -> None:
        raise RuntimeError(f"secret of {tmp_path}")

    app.add_url_rule("/fail", view_func=fail)
    response = app.test_client().get("/fail", headers={"X-Request-ID": "abc"})
    body = check_problem(response, 500, "internal")
    assert "secret" not in response.text
    assert str(tmp_path) not in response.text
    assert body["request_id"] == "abc"


@pytest.mark.parametrize("path", INDEX_PATHS)
def test_without_an_index_every_question_to_it_is_503(nowhere: FlaskClient, path: str) -> None:
    response = nowhere.get(path)
    check_problem(response, 503, "index_unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert "nothing" not in response.text


@pytest.mark.parametrize("path", ["/healthz", "/problems/gone", "/openapi.json", "/docs"])
def test_what_needs_no_index_answers_without_one(nowhere: FlaskClient, path: str) -> None:
    assert nowhere.get(path).status_code == 200


def _generation_in(root: Path) -> Path:
    return generations.find_current(root)


@pytest.mark.parametrize("damage", ["cut", "missing", "altered", "no manifest", "no json", "no name", "no generation"])
def test_a_damaged_index_is_503(make_client: MakeClient, tmp_path: Path, damage: str) -> None:
    root = build_stories(tmp_path / "index", [make_story()])
    generation = _generation_in(root)
    manifest = generation / "manifest.json"
    largest = max((path for path in generation.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    match damage:
        case "cut":
            largest.write_bytes(largest.read_bytes()[:-1])
        case "missing":
            largest.unlink()
        case "altered":
            largest.write_bytes(bytes(byte ^ 0xA5 for byte in largest.read_bytes()))
        case "no manifest":
            manifest.unlink()
        case "no json":
            manifest.write_text("{")
        case "no name":
            (root / "current").write_text("../../etc")
        case _:
            generations.write_current(root, "g99-s1-f5")
    client = make_client(root)
    for _ in range(3):
        response = client.get("/v1/search")
        check_problem(response, 503, "index_unavailable")
    assert "outpost_generation_open_failures_total 1" in client.get("/metrics").text.splitlines()
    assert "Retry-After" in response.headers
    assert str(tmp_path) not in response.text


def test_no_answer_opens_a_file_of_the_index(make_client: MakeClient, tmp_path: Path) -> None:
    source = {"title": "A source", "publisher": {"name": "Reuters"}}
    root = build_stories(tmp_path / "index", [make_story("here", topics=["AI"], sources=[source])])
    client = make_client(root)
    get(client, "/v1/stories/here")
    # With all files gone, whatever was opened before, and checked, still answers.
    shutil.rmtree(_generation_in(root))
    check_problem(client.get("/v1/stories/her"), 404, "not_found")
    assert get(client, "/v1/publishers")["total"] == 1
    assert get(client, "/v1/suggest?q=re")
    assert get(client, "/v1/search?q=story&facets=topic,publisher")["total"] == 1


@pytest.mark.parametrize("what", ["engine", "schema_version", "format_version"])
def test_an_index_of_another_version_is_503(make_client: MakeClient, tmp_path: Path, what: str) -> None:
    root = build_stories(tmp_path / "index", [make_story()])
    change_manifest(_generation_in(root), **{what: "other" if what == "engine" else 999})
    check_problem(make_client(root).get("/readyz"), 503, "index_unavailable")


def test_a_built_index_ends_the_503_without_a_restart(nowhere: FlaskClient) -> None:
    check_problem(nowhere.get("/readyz"), 503, "index_unavailable")
    build_stories(nowhere.application.extensions["outpost.settings"].index, [make_story()])
    assert get(nowhere, "/readyz") == {"status": "ready"}


# --- the problems themselves -------------------------------------------------------------------------------


@pytest.mark.parametrize("code", PROBLEMS)
def test_the_type_of_each_problem_leads_to_its_meaning(nowhere: FlaskClient, code: str) -> None:
    path = "/problems/" + code.replace("_", "-")
    answer = get(nowhere, path)
    assert answer == get(nowhere, f"/problems/{code}")
    assert (answer["type"], answer["code"], answer["status"]) == (path, code, PROBLEMS[code].status)
    assert answer["title"]
    assert answer["meaning"].endswith(".")


def test_errors_are_not_kept(client: FlaskClient, nowhere: FlaskClient) -> None:
    for response in (client.get("/nope"), client.get("/v1/search?x=1"), nowhere.get("/v1/search")):
        assert response.headers["Cache-Control"] == "no-store"
        assert "ETag" not in response.headers
