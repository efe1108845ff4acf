"""Days of the week in texts."""

import pytest

from knowledge.weekdays import days


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("周二至周日", {1, 2, 3, 4, 5, 6}),
        ("星期六到礼拜一", {5, 6, 0}),
        ("Monday to Friday and Sundays", {0, 1, 2, 3, 4, 6}),
        ("on Tue., Thurs and Sat", {1, 3, 5}),
        ("工作日", {0, 1, 2, 3, 4}),
        ("提前 10 个工作日", set()),
        ("周末和星期天", {5, 6}),
        ("daily", {0, 1, 2, 3, 4, 5, 6}),
        ("一周之内；周岁；the month of sunshine, a friend", set()),
    ],
)
def test_days_that_are_named(text: str, named: set[int]) -> None:
    assert days(text) == named
