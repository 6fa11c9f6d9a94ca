"""Logs as JSON lines on standard error."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

import msgspec


class JsonFormatter(logging.Formatter):
    """``{"time": …, "level": …, "logger": …, "message": …}``; access lines have members in place of ``message``."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry: dict[str, object] = {"time": time, "level": record.levelname.lower(), "logger": record.name}
        members = getattr(record, "members", None)
        entry |= members if members else {"message": record.getMessage()}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        try:
            # 10 times as fast as json.dumps, which takes 4 µs.
            return msgspec.json.encode(entry).decode()
        except (TypeError, UnicodeEncodeError):
            # Lone surrogates are not valid UTF-8; json.dumps escapes them.
            return json.dumps(entry)


def configure_logging() -> None:
    """Add a handler to our loggers, unless logging is configured already, for example by an embedding application."""
    if logging.getLogger().handlers or any(logging.getLogger(name).handlers for name in ("outpost", "index")):
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in ("outpost", "index"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
