"""A deadline is kept by the clock alone, less what an answer takes to be written."""

from __future__ import annotations

import pytest

from index.deadline import Deadline
from index.errors import QueryTimeout
from tests.support.clock import set_clock


def test_a_deadline_passes_when_its_seconds_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, 1)
    deadline = Deadline(3)
    assert deadline.remaining() == 2
    deadline.check()
    deadline.check()
    with pytest.raises(QueryTimeout) as caught:
        deadline.check()
    assert caught.value.seconds == 3
    with pytest.raises(QueryTimeout):
        deadline.remaining()


def test_the_clock_is_looked_at_before_each_of_several_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, 1)
    done: list[str] = []
    with pytest.raises(QueryTimeout):
        done.extend(Deadline(3).pace("abcdef"))
    assert done == ["a", "b", "c"]


def test_bytes_to_write_take_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, 0)
    deadline = Deadline(0.8)
    deadline.spend(30_000_000)
    deadline.spend(40_000_000)
    assert deadline.remaining() == pytest.approx(0.1)
    with pytest.raises(QueryTimeout):
        deadline.spend(20_000_000)


def test_an_error_names_the_longest_time_and_not_what_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, 1.0)
    with pytest.raises(QueryTimeout, match=r"longer than 0\.8 seconds"):
        Deadline(0.8, 0.0290644).check()
