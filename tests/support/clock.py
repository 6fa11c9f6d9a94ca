"""Clocks that replace the one that deadlines read."""

from __future__ import annotations

import pytest


class StepClock:
    """Advances by ``step`` seconds each time it is read."""

    def __init__(self, step: float) -> None:
        self._step, self.reads = step, 0

    def __call__(self) -> float:
        self.reads += 1
        return self.reads * self._step


class ManualClock:
    """Shows ``now``, which only a test changes."""

    def __init__(self, now: float = 0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def set_clock(monkeypatch: pytest.MonkeyPatch, step: float) -> StepClock:
    clock = StepClock(step)
    monkeypatch.setattr("index.deadline.monotonic", clock)
    return clock
