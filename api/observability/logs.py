"""Log lines as JSON objects on standard error: one form for requests and for everything else that is told."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

import msgspec


class JsonFormatter(logging.Formatter):
    """``{"time": …, "level": …, "logger": …, "message": …}``; an access line's members stand beside the time."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry: dict[str, object] = {"time": time, "level": record.levelname.lower(), "logger": record.name}
        members = getattr(record, "members", None)
        entry |= members if members else {"message": record.getMessage()}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        try:
            # A tenth of the time of json.dumps, which is 4 µs of a request.
            return msgspec.json.encode(entry).decode()
        except (TypeError, UnicodeEncodeError):
            # Half of a surrogate pair is no UTF-8; JSON can escape it.
            return json.dumps(entry)


def configure_logging() -> None:
    """Once, and only where whoever embeds the application has not configured logging already."""
    if logging.getLogger().handlers or any(logging.getLogger(name).handlers for name in ("outpost", "index")):
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in ("outpost", "index"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
