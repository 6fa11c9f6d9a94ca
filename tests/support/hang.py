"""Ends a test that hangs. For input on which code with the wrong complexity would run for hours."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# What is tested takes a second or less; only a search without end takes as long.
_SECONDS = 60.0


class HangError(AssertionError):
    """The code under test did not return within a minute."""


@contextmanager
def fail_if_it_hangs() -> Iterator[None]:
    """Raise HangError in the block after a minute. In the main thread only."""

    def give_up(signum: int, frame: FrameType | None) -> None:
        raise HangError(f"still running after {_SECONDS:g} seconds")

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
