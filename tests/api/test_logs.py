"""Log lines: one JSON object each, whatever is in them."""

from __future__ import annotations

import json
import logging

import pytest

from api.observability.logs import JsonFormatter


@pytest.mark.parametrize("path", ["/v1/é\u2028🤖", '/"\\\n\x00', "/\ud800"])
def test_any_text_is_one_line_that_reads_back(path: str) -> None:
    record = logging.makeLogRecord(
        {"name": "outpost.access", "levelname": "INFO", "members": {"path": path, "ms": 0.1}}
    )
    line = JsonFormatter().format(record)
    assert "\n" not in line
    entry = json.loads(line)
    assert (entry["path"], entry["ms"], entry["level"]) == (path, 0.1, "info")
