"""A server that has no descriptor left: what is open already answers everything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from index.indexer import build_index, delete_stories, update_index
from tests.e2e.conftest import ROOT, clean_env
from tests.support.factories import SAMPLE, make_story, write_stories

# In a process of its own, for it takes all descriptors that it may have. Nothing but the newest stories was asked for
# before.
PROGRAM = """
import errno, json, os, resource, sys
from pathlib import Path
from api.app import create_app
from api.settings import Settings

client = create_app(Settings(index=Path(sys.argv[1]))).test_client()
assert client.get("/v1/stories?per_page=1").status_code == 200
resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 1,) * 2)
try:
    while True:
        os.open("/dev/null", os.O_RDONLY)
except OSError as error:
    assert error.errno == errno.EMFILE
answers = {path: client.get(path).status_code for path in json.loads(sys.argv[2])}
searches = {"requests": [{"indexName": "stories", "params": "query=ferry&facets=topic"}]}
answers["POST"] = client.post("/1/indexes/*/queries", json=searches).status_code
print(json.dumps(answers))
"""
STORY = "31002"
PATHS = {
    200: [
        "/v1/search?q=ferry", "/v1/search?q=fery+rbot", '/v1/search?q="night+ferry"&sort=oldest&facets=topic,year',
        "/v1/search?q=n*&sort=updated&search_in=title", "/v1/search?q=title:ferry&topic=transport&from=now-700d",
        "/v1/search?q=%E6%9D%B1%E4%BA%AC+OR+%C3%A9t%C3%A9&domain=b%C3%BCcher.example", "/v1/search?q=tide&sort=sources",
        "/v1/suggest", "/v1/suggest?q=ni", "/v1/suggest?q=night+fer", "/v1/stories", f"/v1/stories/{STORY}",
        f"/v1/stories/{STORY}/related", f"/v1/stories/{STORY}/sources", f"/v1/stories/{STORY}.jsonld", "/v1/sources",
        "/v1/sources?q=ferry&publisher=harbor-ledger", "/v1/publishers", "/v1/publishers?q=harb",
        "/v1/publishers/harbor-ledger", "/v1/facets/topic?q=tr", "/v1/stats/timeline?q=ferry&interval=month",
        "/v1/export/stories.ndjson?q=ferry", "/v1/lookup?url=https://example.com/x",
        "/v1/feeds/search.json?q=ferry", "/v1/feeds/search.rss?q=ferry", "/v1/feeds/search.atom?q=ferry",
        f"/oembed?url=http://localhost/s/x-{STORY}", "/", "/search?q=ferry", "/search?q=zyzzyva", "/topics/transport",
        "/publishers/harbor-ledger", "/sitemap.xml", "/robots.txt", "/opensearch.xml", "/opensearch/suggestions?q=fe",
        "/healthz", "/readyz", "/status", "/metrics", "/problems/gone", "/openapi.json", "/docs", "/docs/",
    ],
    301: [f"/s/x-{STORY}"],
    400: ["/v1/search?colour=red"],
    404: ["/v1/stories/310022", "/v1/stories/%C3%A9", "/nope"],
    410: ["/v1/stories/31001"],
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample in two segments, with deleted stories."""
    root = tmp_path_factory.mktemp("descriptors") / "index"
    build_index(root, [SAMPLE])
    update_index(root, [write_stories(root.with_name("more.ndjson"), [make_story("more", title="A ferry more")])])
    delete_stories(root, ["31001"])
    return root


def test_every_endpoint_answers_without_a_descriptor(root: Path) -> None:
    paths = [path for own in PATHS.values() for path in own]
    command = [sys.executable, "-c", PROGRAM, str(root), json.dumps(paths)]
    ran = subprocess.run(
        command, capture_output=True, text=True, env={**clean_env(), "PYTHONPATH": str(ROOT)}, cwd=ROOT
    )
    assert ran.returncode == 0, ran.stderr
    answers = json.loads(ran.stdout)
    assert answers.pop("POST") == 200
    expected = {path: status for status, own in PATHS.items() for path in own}
    assert answers == expected
