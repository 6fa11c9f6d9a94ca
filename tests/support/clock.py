"""A clock in the place of the one that deadlines look at."""

from __future__ import annotations

import pytest


class Clock:
    """Goes on by ``step`` seconds whenever somebody looks at it, and at no other time."""

    def __init__(self, step: float) -> None:
        self._step, self.looks = step, 0

    def __call__(self) -> float:
        self.looks += 1
        return self.looks * self._step


def set_clock(monkeypatch: pytest.MonkeyPatch, step: float) -> Clock:
    clock = Clock(step)
    monkeypatch.setattr("index.deadline.monotonic", clock)
    return clock
