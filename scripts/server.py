"""The HTTP server of `outpost serve`: granian, with limits on slow clients, so that it needs no proxy in front of it.

It speaks HTTP/1 only. Over HTTP/2 one connection could use every thread, and granian limits neither the size of a
stream's headers nor the time they take.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from api.app import create_app
from api.middleware.http import MAX_HEADERS
from api.middleware.slow_clients import THREADS
from api.settings import Settings

# Milliseconds in which the headers of a request must arrive, or the connection is closed.
HEADER_MS = 10_000
# Open connections of one worker; more wait in the kernel. Each may hold MAX_HEADERS bytes of an unfinished request.
MAX_CONNECTIONS = 2048
# File descriptors of a worker other than connections: libraries, metrics, the index and the index that replaces it.
OTHER_DESCRIPTORS = 128
# MAX_CONNECTIONS needs no more file descriptors than this.
MAX_DESCRIPTORS = 65_536
# A connection is closed if nothing was sent to its client for so long. Granian waits 10 seconds for a request and 10
# for its headers; the rest is for the body and the answer.
STALLED_SECONDS, CHECK_SECONDS = 30, 3
# So is one whose client has had bytes waiting for so long and reads them more slowly than this, in bytes per second.
SLOW_SECONDS, MIN_READ_RATE = 60, 16 * 1024
# struct tcp_info of linux/tcp.h: tcpi_state, tcpi_last_data_sent in milliseconds, tcpi_bytes_acked,
# tcpi_notsent_bytes.
_TCP_INFO = struct.Struct("=B43xI72xQ16xI")
# TCP_ESTABLISHED, and TCP_CLOSE_WAIT (the client has closed its sending side).
_CONNECTED = (1, 8)
# Seconds that requests in flight may take after the signal to stop.
STOP_SECONDS = 10
# Seconds: a worker that ended within SHORT_LIFE is replaced after RESPAWN_PAUSE, so that workers that cannot start do
# not keep the processor busy.
SHORT_LIFE, RESPAWN_PAUSE = 10.0, 1.0
_log = logging.getLogger("outpost.server")


def run_server(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. The workers read ``settings`` from the environment."""
    RespawningServer(
        "scripts.server:create_worker_app",
        factory=True,
        interface=Interfaces.WSGI,
        address=settings.host,
        port=settings.port,
        workers=settings.workers or min(os.cpu_count() or 1, 4),
        blocking_threads=THREADS,
        backpressure=limit_connections(raise_descriptor_limit()),
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MS, max_buffer_size=MAX_HEADERS),
        workers_kill_timeout=STOP_SECONDS,
        respawn_failed_workers=True,
        websockets=False,
        log_level=LogLevels.warning,
    ).serve()


class RespawningServer(Granian):  # type: ignore[valid-type, misc]  # Granian is one of two classes, by interpreter
    """Replaces every worker that dies. Granian itself stops if one dies twice within 5.5 s."""

    _last_respawn = 0.0

    def _respawn_workers(
        self,
        workers: Sequence[int],
        spawn_target: Callable[..., None],
        target_loader: Callable[..., Callable[..., Any]],
        delay: float = 0,
    ) -> None:
        if time.monotonic() - self._last_respawn < SHORT_LIFE:
            # A signal to stop ends this wait; it would not end a sleep.
            self.main_loop_interrupt.wait(RESPAWN_PAUSE)
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        self._last_respawn = time.monotonic()
        # Granian detects a crash loop by this list.
        self.respawned_wrks.clear()


def create_worker_app() -> Flask:
    """The WSGI application of one worker process."""
    settings = Settings.from_env()
    threading.Thread(target=_watch_connections, args=(settings.port,), name="stalled-connections", daemon=True).start()
    return create_app(settings)


def raise_descriptor_limit() -> int:
    """Raise the limit of file descriptors for this process and its workers. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= target:
        return min(soft, MAX_DESCRIPTORS) if soft != resource.RLIM_INFINITY else MAX_DESCRIPTORS
    resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    return target


def limit_connections(descriptors: int) -> int:
    """The number of open connections of a worker that may have ``descriptors`` open files.

    Some descriptors stay free: without any, accepting a connection and opening a new generation would fail.
    """
    return max(8, min(MAX_CONNECTIONS, descriptors - OTHER_DESCRIPTORS, descriptors // 2))


def _watch_connections(port: int) -> None:
    watch = ConnectionWatch(port)
    while True:
        time.sleep(CHECK_SECONDS)
        try:
            watch.close_slow()
        except OSError as error:
            # No free file descriptor, or no /proc on this system.
            _log.warning("cannot look for slow connections: %s", error)


class ConnectionWatch:
    """Closes connections to ``port`` whose client does not send the body, does not read the answer, or reads it too
    slowly.

    Granian closes connections that wait for a request, but has no time limit within a request (its issue 728).
    """

    def __init__(self, port: int) -> None:
        self._port = port
        # By client address: since when it has unread bytes, and how many bytes it had read by then.
        self._behind: dict[object, tuple[float, int]] = {}

    def close_slow(self) -> None:
        """Check each connection of this process once. Raises OSError if /proc cannot be read."""
        behind: dict[object, tuple[float, int]] = {}
        for descriptor in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
            try:
                if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                    with socket.socket(fileno=os.dup(descriptor)) as connection:
                        if self._is_slow(connection, behind):
                            connection.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                # Usually closed in the meantime.
                _log.debug("descriptor %d: %s", descriptor, error)
        self._behind = behind

    def _is_slow(self, connection: socket.socket, behind: dict[object, tuple[float, int]]) -> bool:
        if connection.family not in (socket.AF_INET, socket.AF_INET6) or connection.type != socket.SOCK_STREAM:
            return False
        if connection.getsockname()[1] != self._port:
            # A connection of ours to a cluster.
            return False
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        state, last_data_sent, bytes_read, bytes_waiting = _TCP_INFO.unpack(info.ljust(_TCP_INFO.size, b"\0"))
        if state not in _CONNECTED:
            return False
        if last_data_sent > STALLED_SECONDS * 1000:
            return True
        if not bytes_waiting:
            return False
        client, now = connection.getpeername(), time.monotonic()
        since, had_read = behind[client] = self._behind.get(client, (now, bytes_read))
        seconds = now - since
        return seconds > SLOW_SECONDS and bytes_read - had_read < MIN_READ_RATE * seconds
