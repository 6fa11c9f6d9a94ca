"""Outpost behind Debian's nginx, with the very file of deploy/: what passes through it, and a rebuild under load."""

from __future__ import annotations

import gzip
import http.client
import os
import re
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter

from index.generations import read_current
from index.indexer import build_index
from tests.e2e.conftest import BIN, ROOT, Server, answers, free_port, wait_until
from tests.support.factories import SAMPLE, make_story, write_stories

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
    pytest.mark.xdist_group("nginx"),
]
# What surrounds the file on a real machine: /etc/nginx/nginx.conf.
_AROUND = """
daemon off; {user}
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ }}
http {{
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    include {directory}/outpost.conf;
}}
"""
_SEARCH = "/v1/search?q=robot&facets=topic"


@dataclass
class ProxiedSite:
    url: str
    root: Path
    server: Server
    log: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedSite]:
    """A server with two workers and a rate limit, and nginx before it."""
    directory = tmp_path_factory.mktemp("nginx")
    root = directory / "index"
    build_index(root, [SAMPLE])
    port, front = free_port(), free_port()
    settings = [f"OUTPOST_INDEX={root}", f"OUTPOST_PORT={port}", "OUTPOST_WORKERS=2", "OUTPOST_PROXIES=1"]
    settings += ["OUTPOST_RATE_LIMIT=100000/hour", "OUTPOST_PUBLIC_URL=https://news.example.com"]
    server = Server(["env", *settings, str(BIN / "outpost"), "serve"], port, directory / "server.log").start()
    # One client loads it as fast as it can.
    process = start_nginx(directory, port, front, {"rate=50r/s": "rate=100000r/s"})
    url = f"http://127.0.0.1:{front}"
    try:
        wait_until(lambda: process.poll() is not None or answers(url), f"nginx: {read(directory / 'error.log')}")
        assert process.poll() is None, read(directory / "error.log")
        yield ProxiedSite(url, root, server, directory / "access.log")
    finally:
        process.terminate()
        process.wait(10)
        server.stop()


def start_nginx(
    directory: Path, port: int, front: int, changes: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """The file of deploy/ with the ports and paths of this test, and with ``changes``."""
    text = (ROOT / "deploy/nginx.conf").read_text()
    places = {
        "127.0.0.1:8000": f"127.0.0.1:{port}",
        "listen 80;": f"listen 127.0.0.1:{front};",
        "/var/log/nginx/outpost.log": str(directory / "access.log"),
    }
    for ours, theirs in {**places, **(changes or {})}.items():
        assert text.count(ours) == 1, ours
        text = text.replace(ours, theirs)
    (directory / "outpost.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(_AROUND.format(directory=directory, user=user))
    assert NGINX
    return subprocess.Popen([NGINX, "-c", directory / "nginx.conf", "-e", directory / "error.log", "-p", directory])


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def ask(site: ProxiedSite, path: str, **headers: str) -> requests.Response:
    """Without requests' own wish for compression, and without unpacking."""
    response = requests.get(
        site.url + path, headers={"Accept-Encoding": "identity", **headers}, timeout=20, stream=True
    )
    response._content = response.raw.read(decode_content=False)
    return response


# --- what passes through -----------------------------------------------------------------------------------


def test_conditional_requests_pass_through(site: ProxiedSite) -> None:
    for path in (_SEARCH, "/v1/stories/31001", "/v1/feeds/search.atom"):
        first = ask(site, path)
        assert first.headers["ETag"].startswith('W/"')
        for coding in ("identity", "gzip"):
            again = ask(site, path, **{"If-None-Match": first.headers["ETag"], "Accept-Encoding": coding})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["ETag"] == first.headers["ETag"]


def test_compressed_answers_pass_through_as_they_are(site: ProxiedSite) -> None:
    for path in (_SEARCH, "/v1/feeds/search.rss", "/v1/export/stories.ndjson"):
        plain, packed = ask(site, path), ask(site, path, **{"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers.get("ETag") == plain.headers.get("ETag")
        assert "Accept-Encoding" in packed.headers["Vary"]
        assert len(packed.content) < len(plain.content) / 2
        if path != _SEARCH:
            # The search says how long it took, and either worker may have made it.
            assert gzip.decompress(packed.content) == plain.content


def test_a_request_id_is_kept_and_one_is_made_where_there_is_none(site: ProxiedSite) -> None:
    assert ask(site, _SEARCH, **{"X-Request-ID": "from-the-client.1"}).headers["X-Request-ID"] == "from-the-client.1"
    made = ask(site, _SEARCH, **{"X-Request-ID": "no id; at all"}).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    for ident in ("from-the-client.1", made):
        wait_until(lambda ident=ident: ident in read(site.log) and ident in read(site.server.log), "both logs")


def test_errors_and_long_urls_are_outposts_own(site: ProxiedSite) -> None:
    missing = ask(site, "/v1/stories/never")
    assert missing.headers["Content-Type"] == "application/problem+json"
    assert "q=" in ask(site, "/v1/search?topic=" + "a," * 900 + "&q=robot").json()["links"]["self"]
    assert ask(site, "/v1/search?x=" + "a" * 50_000).json()["code"] == "unknown_parameter"


def test_what_is_watched_is_not_open_to_the_world(site: ProxiedSite) -> None:
    for path in ("/metrics", "/status", "/readyz"):
        assert ask(site, path).status_code == 404
        assert requests.get(site.server.url + path, timeout=10).ok
    assert ask(site, "/healthz").ok


def ask_raw(url: str, raw: bytes, address: str = "127.0.0.1") -> requests.Response:
    """What no HTTP client sends, from an address of this machine, with what comes back."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10, source_address=(address, 0)) as connection:
        connection.sendall(raw)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        response = requests.Response()
        response.status_code, response._content = answer.status, answer.read()
        response.headers.update(answer.getheaders())
    return response


def assert_problem(response: requests.Response, status: int, code: str) -> None:
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Request-ID"] == problem["request_id"]


def test_what_is_too_long_or_no_http_is_a_problem_too(site: ProxiedSite) -> None:
    end = b" HTTP/1.1\r\nHost: news.example.com\r\n"
    for size in (66_000, 170_000, 500_000):
        assert_problem(ask_raw(site.url, b"GET /?a=" + b"a" * size + end + b"\r\n"), 414, "too_large")
    for size in (70_000, 200_000, 10**12):
        raw = b"POST /v1/search" + end + b"Content-Length: %d\r\n\r\n" % size
        # nginx takes a body in before it asks Outpost, so what it lets through has to come.
        assert_problem(ask_raw(site.url, raw + b"x" * (size if size < 128 * 1024 else 0)), 413, "too_large")
    for raw in (
        b"\x00\xff\r\n\r\n",
        b"GET /a b" + end + b"\r\n",
        b"GET /" + end + b"A: " + b"a" * 70_000 + b"\r\n\r\n",
    ):
        assert_problem(ask_raw(site.url, raw), 400, "bad_request")


def test_metrics_stay_inside_however_their_path_is_written(site: ProxiedSite) -> None:
    for path in ("//metrics", "/%6detrics", "/metrics/", "/x/../metrics", "/metrics%0a", "/metrics%2f..", "/;/metrics"):
        raw = f"GET {path} HTTP/1.1\r\nHost: news.example.com\r\n\r\n"
        assert_problem(ask_raw(site.url, raw.encode()), 404, "not_found")


def test_a_server_that_is_away_is_a_503_that_nobody_keeps(tmp_path: Path) -> None:
    front = free_port()
    # Nobody listens on a port that was free just now.
    process = start_nginx(tmp_path, free_port(), front)
    url = f"http://127.0.0.1:{front}"
    try:
        wait_until(lambda: is_open(front), "nginx")
        away = requests.get(url + _SEARCH, timeout=10)
        assert_problem(away, 503, "index_unavailable")
        assert away.headers["Retry-After"] == "2"
    finally:
        process.terminate()
        process.wait(10)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_addresses_are_the_public_ones_whatever_host_is_asked(site: ProxiedSite) -> None:
    text = ask(site, "/v1/feeds/search.atom", Host="evil.example.com", **{"X-Forwarded-Host": "evil.example.com"}).text
    assert "evil" not in text
    assert "https://news.example.com/s/" in text


class _From(HTTPAdapter):
    """Connects from another address of this machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, source_address=(self._address, 0), **kwargs)  # type: ignore[arg-type]


def test_a_client_is_who_nginx_saw_and_not_who_it_says_it_is(
    sample_index: Path, start_server: Callable[..., Server], tmp_path: Path
) -> None:
    port, front = free_port(), free_port()
    settings = [f"OUTPOST_INDEX={sample_index}", f"OUTPOST_PORT={port}", "OUTPOST_WORKERS=1", "OUTPOST_PROXIES=1"]
    start_server(
        sample_index, port=port, command=["env", *settings, "OUTPOST_RATE_LIMIT=4/hour", str(BIN / "outpost"), "serve"]
    )
    process = start_nginx(tmp_path, port, front)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{front}"), "nginx")
        sessions = {address: requests.Session() for address in ("127.0.0.1", "127.0.0.2")}
        for address, session in sessions.items():
            session.mount("http://", _From(address))
            # Names with underscores are the same names to an application: nginx drops them.
            names = ("X-Forwarded-For", "X_Forwarded_For", "x-forwarded_for")
            statuses = [
                session.get(
                    f"http://127.0.0.1:{front}/v1/stories", headers={names[n % 3]: f"203.0.113.{n}"}, timeout=10
                ).status_code
                for n in range(6)
            ]
            # Each has its own limit, and no header gives it another.
            assert statuses == [200] * 4 + [429] * 2
            session.close()
    finally:
        process.terminate()
        process.wait(10)


# --- clients that take too much ----------------------------------------------------------------------------

_HEADERS = b" HTTP/1.1\r\nHost: news.example.com\r\n"


@contextmanager
def run_nginx(directory: Path, port: int, changes: Mapping[str, str] | None = None) -> Iterator[int]:
    """nginx before ``port``, for the length of a with block; its own port."""
    front = free_port()
    process = start_nginx(directory, port, front, changes)
    try:
        wait_until(lambda: is_open(front), "nginx")
        yield front
    finally:
        process.terminate()
        process.wait(10)


class Silent:
    """A server that reads requests and answers none; ``asked`` are their first lines."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._listener.getsockname()[1])
        self._taken: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._taken.append(connection)
            self.asked.append(connection.recv(10_000).partition(b"\r\n")[0])

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._taken:
            connection.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    server = Silent()
    yield server
    server.close()


@contextmanager
def hold_requests(front: int, request: bytes, count: int, address: str = "127.0.0.1") -> Iterator[None]:
    """So many requests that are under way."""
    with ExitStack() as stack:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", front), timeout=10, source_address=(address, 0))
            stack.enter_context(connection).sendall(request + _HEADERS + b"\r\n")
        yield


def test_a_client_has_so_many_requests_under_way_and_others_have_theirs(tmp_path: Path, silent: Silent) -> None:
    with run_nginx(tmp_path, silent.port) as front, hold_requests(front, b"GET /v1/search", 32):
        wait_until(lambda: len(silent.asked) == 32, "32 requests")
        refused = requests.get(f"http://127.0.0.1:{front}/v1/search", timeout=10)
        assert_problem(refused, 429, "rate_limited")
        assert refused.headers["Retry-After"] == "1"
        assert len(silent.asked) == 32
        with hold_requests(front, b"GET /v1/stories", 1, "127.0.0.2"):
            wait_until(lambda: b"GET /v1/stories HTTP/1.1" in silent.asked, "a request of another client")


def test_exports_are_few_for_a_client_and_for_all(tmp_path: Path, silent: Silent) -> None:
    export = b"GET /v1/export/stories.ndjson"
    with run_nginx(tmp_path, silent.port) as front, ExitStack() as stack:
        url = f"http://127.0.0.1:{front}"
        stack.enter_context(hold_requests(front, export, 2, "127.0.0.2"))
        wait_until(lambda: len(silent.asked) == 2, "two exports")
        for request in (export, b"GET /v1//%65xport/./stories.ndjson?q=x"):
            assert ask_raw(url, request + _HEADERS + b"\r\n", "127.0.0.2").status_code == 429
        stack.enter_context(hold_requests(front, export, 2, "127.0.0.3"))
        wait_until(lambda: len(silent.asked) == 4, "four exports")
        assert_problem(ask_raw(url, export + _HEADERS + b"\r\n"), 429, "rate_limited")
        # Everything else is passed on meanwhile.
        stack.enter_context(hold_requests(front, b"GET /v1/search", 1, "127.0.0.2"))
        wait_until(lambda: b"GET /v1/search HTTP/1.1" in silent.asked, "a search")


def test_a_client_that_asks_too_often_is_refused(tmp_path: Path) -> None:
    request = b"GET /v1/search" + _HEADERS
    statuses: Counter[bytes] = Counter()
    # Nobody listens behind: each request that is let through is a 503 at once.
    with run_nginx(tmp_path, free_port()) as front:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", front), timeout=30) as connection:
                connection.sendall((request + b"\r\n") * 400 + request + b"Connection: close\r\n\r\n")
                answers = b"".join(iter(lambda connection=connection: connection.recv(1 << 16), b""))
            statuses.update(re.findall(rb"HTTP/1\.1 (\d+)", answers))
            if statuses[b"429"]:
                break
    assert statuses.keys() == {b"503", b"429"}
    assert statuses[b"503"] >= 200


def test_clients_that_do_not_go_on_are_cut(tmp_path: Path) -> None:
    shorter = {f"client_{part}_timeout 10s": f"client_{part}_timeout 1s" for part in ("header", "body")}
    beginnings = [b"", b"GET", b"GET /v1/search" + _HEADERS]
    beginnings.append(b"POST /v1/instantsearch" + _HEADERS + b"Content-Length: 9\r\n\r\n{}")
    with run_nginx(tmp_path, free_port(), shorter) as front, ExitStack() as stack:
        connections = []
        for beginning in beginnings:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", front), timeout=30))
            connection.sendall(beginning)
            connections.append(connection)
        for connection in connections:
            with suppress(ConnectionResetError):
                assert b"".join(iter(lambda connection=connection: connection.recv(1000), b"")) == b""


def test_a_client_of_ipv6_is_a_network_of_64_bits(tmp_path: Path) -> None:
    told = free_port()
    server = (
        f"server {{ listen 127.0.0.1:{told}; set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP; "
        'location / { return 200 "$outpost_client"; } }\n'
    )
    same = [
        ("192.0.2.7", "::ffff:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::6", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3:ffff::"),
        ("2001:db8::1", "2001:db8::ffff:1"),
        ("::1",),
        ("192.0.2.8",),
    ]

    def ask_client(address: str) -> bytes:
        return requests.get(f"http://127.0.0.1:{told}", headers={"X-Real-IP": address}, timeout=10).content[-20:]

    with run_nginx(tmp_path, free_port(), {"upstream outpost {": server + "upstream outpost {"}):
        wait_until(lambda: is_open(told), "the server that tells")
        clients = [
            {ask_client(address)[-4:] if "." in address else ask_client(address) for address in group} for group in same
        ]
    assert [len(group) for group in clients] == [1] * len(same)
    assert len(set().union(*clients)) == len(same)


# --- a rebuild under load ----------------------------------------------------------------------------------


def test_nothing_is_lost_while_the_index_is_built_anew(site: ProxiedSite, tmp_path: Path) -> None:
    """Every answer is whole, of one generation, and counts what that generation has."""
    done = threading.Event()
    counted: Counter[tuple[str, int]] = Counter()
    failures: list[str] = []

    def load(coding: str) -> None:
        with requests.Session() as session:
            while not done.is_set():
                response = session.get(
                    f"{site.url}/v1/search?per_page=100", headers={"Accept-Encoding": coding}, timeout=20
                )
                if response.status_code != 200:
                    failures.append(f"{response.status_code} {response.text[:200]}")
                    return
                answer = response.json()
                if len(answer["results"]) != min(answer["total"], 100):
                    failures.append(f"{answer['generation']}: {len(answer['results'])} of {answer['total']}")
                counted[answer["generation"], answer["total"]] += 1

    threads = [threading.Thread(target=load, args=(coding,)) for coding in ("identity", "gzip")]
    for thread in threads:
        thread.start()
    expected = {generation_of(site): 72}
    for number in range(1, 3):
        more = [make_story(f"new-{n}", published_at="2026-01-01T00:00:00Z") for n in range(number)]
        ran = subprocess.run(
            [BIN / "outpost", "build", SAMPLE, write_stories(tmp_path / "more.ndjson", more), "--index", site.root],
            capture_output=True, text=True,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        expected[generation_of(site)] = 72 + number
        seen = generation_of(site)
        wait_until(lambda seen=seen: failures != [] or any(name == seen for name, _ in counted.copy()), "the switch")
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert dict(counted.keys()) == expected
    assert counted.total() > 50


def generation_of(site: ProxiedSite) -> str:
    return read_current(site.root)
