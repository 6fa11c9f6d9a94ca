"""The exceptions of the client."""

from __future__ import annotations

from typing import Any


class ClientError(Exception):
    """The base class of all exceptions of the client."""


class ConnectionFailed(ClientError):
    """No usable answer: no connection, a timeout, a broken answer, or a server that is not Outpost."""

    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"no answer from {url}: {reason}")


class ApiError(ClientError):
    """The API answered with an error.

    ``status`` is the HTTP status. ``body`` is the problem document (RFC 9457), or empty if the server sent none;
    ``code`` and ``detail`` come from it. docs/api.md lists the codes.
    """

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status, self.body = status, body
        self.code: str = body.get("code", "")
        self.detail: str = body.get("detail", "")
        super().__init__(self.detail or f"the server answered with HTTP status {status}")


class NotFoundError(ApiError):
    """Status 404 or 410: no such story, source, publisher, facet or page, or the story was removed."""

    @property
    def near(self) -> list[str]:
        """Existing ids that look like the requested one."""
        return list(self.body.get("near", []))
