"""Talks to a cluster: the only module that imports opensearchpy. Whatever goes wrong becomes one of our errors."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from opensearchpy import JSONSerializer, OpenSearch
from opensearchpy.exceptions import ConnectionTimeout, OpenSearchException, SSLError, TransportError
from urllib3 import Timeout

from index.deadline import Deadline
from index.engines.opensearch.connection.address import ClusterAddress
from index.engines.opensearch.connection.deadline import MAX_SECONDS
from index.errors import IndexUnavailable, QueryTimeout

Json = dict[str, Any]
# What a connection waits for bytes, of what the cluster may take: more, so that it says itself what took long.
_GRACE = 1.5
_PATIENCE = _GRACE * MAX_SECONDS
# A host that is off answers nothing at all, not even that nobody listens there: so many seconds for a connection.
_CONNECT = 1.0
# A build waits for merges, and for nodes that are at their limit.
BUILD_PATIENCE = 300.0
# A full queue empties within milliseconds, and copies take the place of a node that died within a second: so many
# tries, the first pause in seconds, each twice the one before, 1.5 in all.
_TRIES, _PAUSE = 5, 0.1
_BUSY, _FAILED = 429, (502, 503)
# What a node answers with 500 while another one dies that had a part of the search: a copy has it too.
_LOST = ("node_not_connected_exception", "node_disconnected_exception", "search_phase_execution_exception")
# Every answer that is no success would be a warning there; what it means is told by whoever asked.
logging.getLogger("opensearch").setLevel(logging.ERROR)


class RequestRefused(Exception):
    """The cluster answered with an error that its caller may know what to do with: ``status`` and ``reason``."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        self.status, self.kind, self.reason = status, kind, reason
        super().__init__(f"{status} {kind}: {reason}")


class _Serializer(JSONSerializer):
    """msgspec reads an answer of 100 kB in a tenth of the standard library's time."""

    def dumps(self, data: Any) -> Any:
        return data if isinstance(data, str | bytes) else msgspec.json.encode(data)

    def loads(self, s: str) -> Any:
        return msgspec.json.decode(s)


class Cluster:
    """May be shared by threads, not by processes: made anew after a fork. ``patience`` in seconds, for each answer."""

    def __init__(self, address: ClusterAddress, patience: float = _PATIENCE) -> None:
        self.address, self._patience = address, patience
        scheme = "https" if address.tls else "http"
        options: Json = {}
        if address.token:
            options["headers"] = {"Authorization": f"Bearer {address.token}"}
        elif address.user:
            options["http_auth"] = (address.user, address.password)
        if address.ca:
            options["ca_certs"] = address.ca
        self._client = OpenSearch(
            hosts=[{"host": host, "port": port, "scheme": scheme} for host, port in address.hosts],
            use_ssl=address.tls,
            verify_certs=address.tls,
            serializer=_Serializer(),
            timeout=_limit(patience),
            # One more than there are hosts: a dead one is passed over and the first is asked again. What a host answers
            # is not asked of others at once: ``send`` gives them time.
            max_retries=max(3, len(address.hosts)),
            retry_on_timeout=False,
            retry_on_status=(),
            http_compress=False,
            pool_maxsize=32,
            **options,
        )

    def send(self, method: str, path: str, body: object = None, **params: object) -> Any:
        """The answer's JSON. Raises RequestRefused for an answer of 4xx but 401, 403 and 429, else IndexUnavailable and
        QueryTimeout. ``request_timeout`` in seconds takes the place of ``patience``."""
        patience = float(str(params.pop("request_timeout", self._patience)))
        limits: Json = {**params, "request_timeout": _limit(patience)}
        for attempt in range(_TRIES):
            try:
                return self._client.transport.perform_request(method, path, params=limits, body=body)
            except ConnectionTimeout as error:
                raise QueryTimeout(patience) from error
            except TransportError as error:
                if _may_pass(error.status_code, error.info) and attempt + 1 < _TRIES:
                    time.sleep(_PAUSE * 2**attempt)
                    continue
                raise self._explain(error) from error
            except (OpenSearchException, msgspec.DecodeError) as error:
                raise IndexUnavailable(self.address, type(error).__name__) from error
        raise AssertionError("the last attempt returns or raises")

    def _explain(self, error: TransportError) -> Exception:
        status = error.status_code
        if not isinstance(status, int):
            what = "it shows no certificate to trust" if isinstance(error, SSLError) else "nobody answers there"
            return IndexUnavailable(self.address, what)
        kind, reason = _describe(error.info)
        if status in (401, 403):
            return IndexUnavailable(self.address, f"the cluster refuses the credentials ({status})")
        if status == 504 or "timeout" in kind or "time_exceeded" in kind:
            return QueryTimeout(MAX_SECONDS)
        if status == _BUSY or status >= 500:
            return IndexUnavailable(self.address, f"{status} {kind}: {reason}")
        return RequestRefused(status, kind, reason)

    def is_there(self) -> bool:
        """Whether it answers at all."""
        try:
            self.send("GET", "/")
        except (IndexUnavailable, QueryTimeout, RequestRefused):
            return False
        return True

    def find_alias(self, alias: str) -> list[str]:
        """The indices that an alias leads to."""
        try:
            return sorted(self.send("GET", f"/_alias/{alias}"))
        except RequestRefused as error:
            if error.status == 404:
                return []
            raise

    def search(self, searches: Sequence[tuple[str, Json]], deadline: Deadline | None = None) -> list[Json]:
        """The whole answer to each (index, body), in one request, within MAX_SECONDS if not until ``deadline``.

        Raises what ``send`` raises; never a part.
        """
        left = deadline.remaining() if deadline else MAX_SECONDS
        limits = {"timeout": f"{max(1, int(left * 1000))}ms"}
        patience: Json = {"request_timeout": _GRACE * left} if deadline else {}
        try:
            return self._search(searches, limits, patience)
        except QueryTimeout as error:
            raise QueryTimeout(deadline.longest if deadline else error.seconds) from error

    def _search(self, searches: Sequence[tuple[str, Json]], limits: Json, patience: Json) -> list[Json]:
        if len(searches) == 1:
            ((index, body),) = searches
            path = "/_search" if "pit" in body else f"/{index}/_search"
            asked = {"allow_partial_search_results": "false", **patience}
            return [self._check(self.send("POST", path, {**limits, **body}, **asked))]
        lines = b"".join(
            msgspec.json.encode({**_name_index(index, body), "allow_partial_search_results": False}) + b"\n"
            + msgspec.json.encode({**limits, **body}) + b"\n"
            for index, body in searches
        )  # fmt: skip
        for attempt in range(_TRIES):
            answers: list[Json] = self.send("POST", "/_msearch", lines, **patience)["responses"]
            if not any(_may_pass(answer.get("status"), answer) for answer in answers):
                break
            time.sleep(_PAUSE * 2**attempt)
        return [self._check(answer) for answer in answers]

    def _check(self, answer: Json) -> Json:
        if "error" in answer:
            raise self._explain(TransportError(answer.get("status", 500), "", answer))
        if answer["timed_out"]:
            raise QueryTimeout(MAX_SECONDS)
        if failed := answer["_shards"]["failed"]:
            raise IndexUnavailable(self.address, f"{failed} shards cannot answer")
        return answer

    def close(self) -> None:
        self._client.close()


def _name_index(index: str, body: Json) -> Json:
    """A point in time has its index with it."""
    return {} if "pit" in body else {"index": index}


def _limit(patience: float) -> Timeout:
    return Timeout(connect=min(_CONNECT, patience), read=patience)


def _may_pass(status: object, info: object) -> bool:
    """Whether the same request may be answered a moment later."""
    return status in (_BUSY, *_FAILED) or (status == 500 and _describe(info)[0] in _LOST)


def _describe(info: object) -> tuple[str, str]:
    """Type and reason of what an error's body says."""
    error = info.get("error") if isinstance(info, dict) else None
    if not isinstance(error, dict):
        return "error", str(error or "")[:200]
    causes = error.get("root_cause") or [error]
    first = cast(Json, causes[0])
    return str(first.get("type", "error")), str(first.get("reason", ""))[:500]
