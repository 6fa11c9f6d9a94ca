"""Every id that a build takes leads to its story over HTTP, by each address that an answer gives for it."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

import pytest
import requests

from index.errors import Fault, InvalidDocuments
from index.indexer import build_index
from tests.e2e.conftest import Server, free_port, serve_command

# Dots as segments of a path, what looks like another path of ours, escapes, blanks, what shells and proxies obey.
NASTY = """. .. ... .... ..a a.. .a a. a..b ./ ../ /. /.. a/.. a/../b // a//b %2e %2e%2e %2E. .%2e %252e %2f a%2fb a%00b
%zz % ~ ~~ ~root - -- --help -1 _ __ 1.jsonld .jsonld x.jsonld.jsonld a.JSONLD a.jsonld- search sources related stories
v1 index.html a.xml a.json robots.txt favicon.ico ?q=1 a?b a#b # a;b ;a a&b a=b a+b + * a*b a:b http: @ a@b [::1]
{x} $x `x` 'x' "x" <x> |x x^y \\ a\\b é 東京 🤖 CON nul 00 0 -0 1e9 NaN null true None""".split()
NASTY += ["", " ", " a", "a ", "a b", "\t", "a\n", "\r\na", "a\x00", "\x7f", "\u00a0", "a\u202e", "\u2028", "\ufeffa"]
NASTY += ["x" * 128, "x" * 129, "." * 128, "-" * 128, "%41" * 40, "x" * 100_000]
CURL = shutil.which("curl")


def find_faults(directory: Path, ident: str) -> list[Fault]:
    """What a build has against a story of this id."""
    file = directory / "one.ndjson"
    file.write_text(json.dumps({"id": ident, "title": "A title"}) + "\n")
    try:
        build_index(directory / "one", [file])
    except InvalidDocuments as error:
        return error.faults
    return []


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Fault]]:
    directory = tmp_path_factory.mktemp("ids")
    return {ident: find_faults(directory, ident) for ident in NASTY}


@pytest.fixture(scope="module")
def taken(faults: dict[str, list[Fault]]) -> list[str]:
    return [ident for ident, found in faults.items() if not found]


@pytest.fixture(scope="module")
def server(taken: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("served")
    lines = [json.dumps({"id": ident, "title": "A title", "summary": f"Story {n}"}) for n, ident in enumerate(taken)]
    (directory / "all.ndjson").write_text("\n".join(lines))
    build_index(directory / "index", [directory / "all.ndjson"])
    port = free_port()
    server = Server(serve_command(directory / "index", port), port, directory / "log").start()
    yield server
    server.stop()


def test_some_ids_are_taken_and_the_others_refused_with_the_rule(faults: dict[str, list[Fault]]) -> None:
    taken = {ident for ident, found in faults.items() if not found}
    assert {"...", "a..", "~", "-", "x" * 128, "." * 128, "search", "a.JSONLD"} <= taken
    assert not {".", "..", "a/..", "%2e", "a b", "x" * 129, "1.jsonld", "\\", "//", ""} & taken
    rule = '1 to 128 of A-Z a-z 0-9 . _ ~ -, but not "." or "..", and not ending in ".jsonld"'
    refused = [(fault.line, fault.pointer, fault.allowed) for found in faults.values() for fault in found]
    assert refused == [(1, "/id", rule)] * (len(faults) - len(taken))


def test_what_a_build_takes_is_found_at_its_own_addresses(server: Server, taken: list[str]) -> None:
    listed = requests.get(f"{server.url}/v1/stories?per_page=100", timeout=10).json()
    assert sorted(story["id"] for story in listed["results"]) == sorted(taken)
    for story in listed["results"]:
        for path in (story["url"], f"{story['url']}/sources", f"{story['url']}/related", story["share_url"]):
            # As a browser resolves it, and as requests, which removes dot segments too, sends it.
            assert urljoin(f"{server.url}/x/y", path) == server.url + path
            answer = requests.get(server.url + path, timeout=10, allow_redirects=False)
            assert (answer.status_code, urlsplit(answer.url).path) == (200, path)
        assert requests.get(server.url + story["url"], timeout=10).json()["summary"] == story["summary"]
        assert story["summary"] in requests.get(server.url + story["share_url"], timeout=10).text
        described = requests.get(f"{server.url}{story['url']}.jsonld", timeout=10).json()
        assert described["identifier"] == story["id"]
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
        connection.request("GET", story["url"])
        assert json.loads(connection.getresponse().read())["id"] == story["id"]
        connection.close()


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
def test_curl_finds_them_too(server: Server, taken: list[str]) -> None:
    assert CURL
    urls = [f"{server.url}/v1/stories/{ident}" for ident in taken]
    ran = subprocess.run([CURL, "-gs", "-w", "\n", *urls], capture_output=True, text=True, check=True)
    assert [json.loads(line)["id"] for line in ran.stdout.splitlines()] == taken


def test_feeds_and_sitemaps_lead_to_them(server: Server, taken: list[str]) -> None:
    feed = requests.get(f"{server.url}/v1/feeds/search.json?per_page=100", timeout=10).json()
    sitemap = requests.get(f"{server.url}/sitemaps/undated-1.xml", timeout=10).content
    places = [element.text or "" for element in ElementTree.fromstring(sitemap).findall(".//{*}loc")]
    addresses = [item[name] for item in feed["items"] for name in ("id", "url")] + places
    assert len(addresses) == 3 * len(taken)
    for address in addresses:
        answer = requests.get(address, timeout=10, allow_redirects=False)
        assert (answer.status_code, answer.url) == (200, address)


def test_an_id_that_is_not_taken_leads_to_no_story(server: Server, taken: list[str]) -> None:
    netloc = urlsplit(server.url).netloc
    for ident in (".", "..", "%2e", "%2e%2e", "a/..", "a%2f..", "%5c", "%20", "%00", "a%2f%2e%2e%2fb", "x" * 129):
        connection = http.client.HTTPConnection(netloc, timeout=10)
        connection.request("GET", f"/v1/stories/{ident}")
        assert connection.getresponse().status == 404, ident
        connection.close()
