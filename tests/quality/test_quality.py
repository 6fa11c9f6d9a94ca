"""No answer is ordered worse than its floor says."""

from __future__ import annotations

import pytest

from tests.quality.judged import HAS_DATA
from tests.quality.measures import average_precision, reciprocal_rank
from tests.quality.table import TASKS, Task


@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task.name} {task.what}")
def test_order_is_as_good_as_its_floor(task: Task) -> None:
    if task.needs_data and not HAS_DATA:
        pytest.skip("third-party collections: OUTPOST_QUALITY_DATA names their directory")
    assert task.measure() >= task.floor


def test_average_precision_counts_what_was_not_found() -> None:
    assert average_precision(["a", "x", "b"], {"a", "b", "c"}) == pytest.approx((1 + 2 / 3) / 3)
    assert average_precision([], {"a"}) == 0


def test_reciprocal_rank_is_that_of_the_first_answer() -> None:
    assert reciprocal_rank(["x", "a", "b"], {"a", "b"}) == 0.5
    assert reciprocal_rank(["x"], {"a"}) == 0
