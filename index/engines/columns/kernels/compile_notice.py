"""Says on stderr that numba is compiling, which takes half a minute with an empty cache."""

from __future__ import annotations

import sys

from numba.core import event


class CompileNotice(event.Listener):
    """Prints one line when a process compiles its first kernel. Loading from the cache prints nothing."""

    def __init__(self) -> None:
        self._printed = False

    def on_start(self, event: object) -> None:
        if not self._printed:
            self._printed = True
            print("Compiling the search kernels, once: half a minute …", file=sys.stderr, flush=True)

    def on_end(self, event: object) -> None:
        """Required by numba."""


def announce_compilation() -> None:
    """Print a notice as soon as this process compiles a kernel."""
    event.register("numba:compile", CompileNotice())
