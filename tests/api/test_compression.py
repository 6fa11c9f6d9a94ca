"""Answers compressed: as the client asks, decoded to the same bytes, once for each coding, streams piece by piece."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from api.response.compression import MIN_BYTES, choose_coding
from tests.api.helpers import check_problem

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DECODE: dict[str, Callable[[bytes], bytes]] = {"zstd": zstd.decompress, "gzip": gzip.decompress}
LONG = [
    "/v1/search?q=robot&facets=topic", "/v1/stories", "/v1/stories/31001?include=sections,sources,related",
    "/v1/publishers", "/v1/feeds/search.json", "/v1/feeds/search.rss", "/v1/feeds/search.atom", "/openapi.json",
]  # fmt: skip
STREAMED = ["/v1/export/stories.ndjson?q=robot", "/docs/swagger-ui.css", "/docs/swagger-ui.js"]


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", ""), ("gzip", "gzip"), ("zstd", "zstd"), ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "gzip"),
        ("br", ""), ("deflate", ""), ("identity", ""), ("*", "zstd"), ("GZIP", "gzip"), ("gzip;q=1.0", "gzip"),
        ("zstd;q=0.5, gzip;q=0.8", "gzip"), ("zstd;q=0, gzip", "gzip"), ("zstd;q=0, *", "gzip"), ("gzip;q=0", ""),
        ("*;q=0", ""), ("gzip;q=0, *;q=0", ""), ("gzip;q=0.5, identity", ""), ("gzip, identity;q=0.5", "gzip"),
        ("identity;q=0", ""), ("identity;q=0, *", "zstd"), ("gzip;q=0.001", "gzip"), (" gzip ;  q=0.5 ", "gzip"),
        ("gzip;q=nonsense", ""), (",,,", ""), (";;;q=1", ""), ("gzip" * 500, ""), ("x," * 5000 + "gzip", ""),
        ("\x00gzip", ""), ("gzîp", ""), ("gzip zstd", ""),
    ],
)  # fmt: skip
def test_the_client_chooses_by_quality_and_nonsense_asks_for_nothing(accepted: str, coding: str) -> None:
    assert choose_coding(accepted) == coding


@pytest.mark.parametrize("url", LONG)
@pytest.mark.parametrize("coding", DECODE)
def test_an_answer_is_the_same_when_it_is_unpacked(client: FlaskClient, url: str, coding: str) -> None:
    plain, packed = client.get(url), client.get(url, headers={"Accept-Encoding": coding})
    assert packed.headers["Content-Encoding"] == coding
    assert "Content-Encoding" not in plain.headers
    assert DECODE[coding](packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    assert int(packed.headers["Content-Length"]) == len(packed.data)
    for name in ("Content-Type", "ETag", "Cache-Control", "Vary", "Link"):
        assert packed.headers.get(name) == plain.headers.get(name)
    assert "Accept-Encoding" in packed.headers["Vary"]


@pytest.mark.parametrize("url", [*LONG, *STREAMED])
@pytest.mark.parametrize("coding", DECODE)
def test_head_says_of_a_compressed_answer_what_get_does(client: FlaskClient, url: str, coding: str) -> None:
    both = [
        client.open(url, method=method, headers={"Accept-Encoding": coding}, buffered=True)
        for method in ("GET", "HEAD")
    ]
    headers = [{k: v for k, v in one.headers if k not in ("X-Request-ID", "Date")} for one in both]
    assert headers[0] == headers[1]
    assert headers[0]["Content-Encoding"] == coding
    assert both[1].data == b""


@pytest.mark.parametrize("url", STREAMED)
@pytest.mark.parametrize("coding", DECODE)
def test_a_stream_is_the_same_when_it_is_unpacked(client: FlaskClient, url: str, coding: str) -> None:
    plain = client.get(url, buffered=True)
    packed = client.get(url, headers={"Accept-Encoding": coding}, buffered=True)
    assert packed.headers["Content-Encoding"] == coding
    assert DECODE[coding](packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    assert not packed.headers.get("ETag", "").startswith('"')


def test_a_piece_of_a_stream_can_be_read_before_the_next_one_is_made(client: FlaskClient) -> None:
    response = client.get("/v1/export/stories.ndjson", headers={"Accept-Encoding": "gzip"})
    first = next(response.iter_encoded())
    lines = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(first).splitlines()
    assert len(lines) > 5
    assert all(json.loads(line)["id"] for line in lines)
    response.close()


@pytest.mark.parametrize("coding", DECODE)
def test_a_compressed_export_lets_go_of_the_index_when_it_is_closed(client: FlaskClient, coding: str) -> None:
    live = client.application.extensions["outpost.index"]
    before = live._open._users
    response = client.get("/v1/export/stories.ndjson", headers={"Accept-Encoding": coding})
    next(response.iter_encoded())
    held = live._open._users
    response.close()
    assert (held - before, live._open._users - before) == (1, 0)


def test_the_same_answer_is_compressed_once_for_each_coding(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "/v1/search?q=robot&per_page=33"
    first = {coding: client.get(url, headers={"Accept-Encoding": coding}).data for coding in DECODE}
    monkeypatch.setattr("api.response.compression._CODINGS", dict.fromkeys(DECODE))
    for coding, data in first.items():
        assert client.get(url, headers={"Accept-Encoding": coding}).data == data


@pytest.mark.parametrize("url", ["/healthz", "/v1/stories/31001?fields=title", "/problems/gone"])
def test_what_is_short_is_sent_as_it_is(client: FlaskClient, url: str) -> None:
    response = client.get(url, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in response.headers
    assert len(response.data) <= MIN_BYTES
    assert response.json


def test_a_long_problem_is_compressed_and_still_one(client: FlaskClient) -> None:
    url = "/v1/search?" + "&".join(f"unknown{n}=1" for n in range(50))
    response = client.get(url, headers={"Accept-Encoding": "zstd"})
    assert response.headers["Content-Encoding"] == "zstd"
    response.set_data(zstd.decompress(response.data))
    assert len(check_problem(response, 400, "unknown_parameter")["errors"]) == 50


@pytest.mark.parametrize("coding", ["gzip", "zstd", ""])
def test_a_tag_holds_for_every_coding(client: FlaskClient, coding: str) -> None:
    tag = client.get("/v1/stories", headers={"Accept-Encoding": "gzip"}).headers["ETag"]
    again = client.get("/v1/stories", headers={"Accept-Encoding": coding, "If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert "Content-Encoding" not in again.headers


def test_an_assets_tag_is_weak_when_it_is_compressed_and_holds(client: FlaskClient) -> None:
    headers = {"Accept-Encoding": "gzip"}
    tag = client.get("/docs/swagger-ui.css", headers=headers, buffered=True).headers["ETag"]
    assert tag.startswith('W/"')
    again = client.get("/docs/swagger-ui.css", headers={**headers, "If-None-Match": tag}, buffered=True)
    assert (again.status_code, again.data) == (304, b"")


def test_a_part_of_a_file_is_a_part_of_the_file(client: FlaskClient) -> None:
    whole = client.get("/docs/swagger-ui.css", buffered=True).data
    headers = {"Accept-Encoding": "gzip", "Range": "bytes=10-19"}
    part = client.get("/docs/swagger-ui.css", headers=headers, buffered=True)
    assert (part.status_code, part.data) == (206, whole[10:20])
    assert "Content-Encoding" not in part.headers


def test_a_picture_is_not_compressed_again(client: FlaskClient) -> None:
    response = client.get("/docs/favicon-32x32.png", headers={"Accept-Encoding": "gzip"}, buffered=True)
    assert "Content-Encoding" not in response.headers
    assert response.data.startswith(b"\x89PNG")


def test_a_compressed_request_is_not_unpacked(client: FlaskClient) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    response = client.post("/v1/search", data=bomb, headers={"Content-Encoding": "gzip"})
    check_problem(response, 405, "method_not_allowed")
