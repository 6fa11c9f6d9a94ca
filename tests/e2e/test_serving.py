"""outpost serve and gunicorn as processes: the log, the signals, the port."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest
import requests

from tests.e2e.conftest import BIN, Server, clean_env, free_port, serve_command, wait_until


def read_log(server: Server) -> list[dict[str, object]]:
    return [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]


def test_serve_prints_its_address_and_four_things_that_find_something(sample_server: Server) -> None:
    lines = sample_server.log.read_text().splitlines()
    assert lines[0].endswith(f"on {sample_server.url}")
    tries = [line.strip() for line in lines[2:6]]
    page, search, related, docs = (requests.get(url, timeout=10) for url in tries)
    assert "<mark>" in page.text
    assert search.json()["total"] > 0
    assert related.json()["total"] > 0
    assert "swagger-ui" in docs.text


def test_serve_says_where_it_is_watched(sample_server: Server) -> None:
    [line] = [line for line in sample_server.log.read_text().splitlines() if line.startswith("Metrics for Prometheus:")]
    assert f"{sample_server.url}/metrics" in line
    assert "500 ms" in line
    assert "outpost_index_up 1" in requests.get(f"{sample_server.url}/metrics", timeout=10).text


def test_whichever_process_is_asked_tells_of_all(sample_index: Path, start_server: type[Server]) -> None:
    server = start_server(sample_index, workers=2)
    # Each on a connection of its own, which any of the processes may take.
    for _ in range(40):
        requests.get(f"{server.url}/v1/stories/31001", timeout=10)
    counted = 'outpost_requests_total{rule="/v1/stories/<story_id>",status="200"} 40'
    for _ in range(20):
        assert counted in requests.get(f"{server.url}/metrics", timeout=10).text.splitlines()
    assert server.stop() == 0


def test_a_client_that_asks_too_often_is_told_so_over_http(sample_index: Path, start_server: type[Server]) -> None:
    port = free_port()
    settings = [f"OUTPOST_INDEX={sample_index}", f"OUTPOST_PORT={port}", "OUTPOST_WORKERS=1"]
    settings.append("OUTPOST_RATE_LIMIT=5/hour")
    server = start_server(sample_index, command=["env", *settings, str(BIN / "outpost"), "serve"], port=port)
    answers = [requests.get(f"{server.url}/v1/stories", timeout=10) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 720
    assert answers[-1].headers["Content-Type"] == "application/problem+json"


def test_each_request_is_a_json_line_with_id_status_and_milliseconds(sample_server: Server) -> None:
    requests.get(f"{sample_server.url}/v1/stories/none", headers={"X-Request-ID": "log-test-1"}, timeout=10)
    wait_until(lambda: "log-test-1" in sample_server.log.read_text(), "the line")
    [entry] = [entry for entry in read_log(sample_server) if entry.get("request_id") == "log-test-1"]
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/v1/stories/none", 404)
    assert isinstance(entry["ms"], float)
    assert str(entry["time"]).endswith("+00:00")


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_is_answered_before_the_server_stops(
    way: signal.Signals, sample_index: Path, start_server: type[Server]
) -> None:
    server = start_server(sample_index)
    # Every story with every facet and highlight: long enough to be under way.
    slow = f"{server.url}/v1/search?q=a*+OR+e*+OR+t*&per_page=100&facets=topic,publisher,curator,language,domain"
    answers: list[requests.Response] = []
    asker = threading.Thread(target=lambda: answers.append(requests.get(slow, timeout=30)))
    asker.start()
    requests.get(f"{server.url}/healthz", timeout=10)
    server.process.send_signal(way)
    asker.join()
    assert server.process.wait(30) == 0
    assert answers[0].status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/healthz", timeout=5)


def test_a_port_in_use_is_told_and_ends_with_2(sample_index: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = subprocess.run(serve_command(sample_index, port), capture_output=True, text=True, env=clean_env())
    assert ran.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in ran.stderr


def test_serve_takes_its_settings_from_the_environment(sample_index: Path, start_server: type[Server]) -> None:
    port = free_port()
    settings = [f"OUTPOST_INDEX={sample_index}", f"OUTPOST_PORT={port}", "OUTPOST_WORKERS=1"]
    settings.append("OUTPOST_PUBLIC_URL=https://news.example.com/api")
    server = start_server(sample_index, command=["env", *settings, str(BIN / "outpost"), "serve"], port=port)
    story = requests.get(f"{server.url}/v1/stories?per_page=1", timeout=10).json()["results"][0]
    assert story["url"] == f"https://news.example.com/api/v1/stories/{story['id']}"


def test_a_bad_setting_is_told_and_ends_with_2() -> None:
    ran = subprocess.run(
        [BIN / "outpost", "serve"], capture_output=True, text=True, env={**clean_env(), "OUTPOST_PORT": "70000"}
    )
    assert ran.returncode == 2
    assert "OUTPOST_PORT='70000'; allowed: 1 to 65535" in ran.stderr


def test_gunicorn_serves_the_same_application(sample_index: Path, start_server: type[Server]) -> None:
    port = free_port()
    settings = [f"OUTPOST_INDEX={sample_index}", "PYTHONPATH=."]
    command = ["env", *settings, str(BIN / "gunicorn"), "--bind", f"127.0.0.1:{port}", "--threads", "2"]
    server = start_server(sample_index, command=[*command, "api.app:create_app()"], port=port)
    answer = requests.get(f"{server.url}/v1/search?q=ferry", headers={"X-Request-ID": "gunicorn-1"}, timeout=10)
    assert answer.json()["total"] > 0
    wait_until(lambda: "gunicorn-1" in server.log.read_text(), "the access line")
    assert requests.head(f"{server.url}/v1/search?q=ferry", timeout=10).headers["ETag"] == answer.headers["ETag"]


def test_a_request_that_is_no_http_does_not_harm_the_server(sample_server: Server) -> None:
    host, port = "127.0.0.1", int(sample_server.url.rpartition(":")[2])
    for raw in (
        b"\x00\xff" * 100 + b"\r\n\r\n",
        b"GET /v1/search?q=" + b"a" * 500_000,
        b"GET / HTTP/1.1\r\nHost: \r\n\r\n",
    ):
        with socket.create_connection((host, port), timeout=10) as connection:
            connection.sendall(raw)
    assert requests.get(f"{sample_server.url}/readyz", timeout=10).ok
