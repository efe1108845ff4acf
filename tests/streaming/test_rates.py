"""How often somebody may do something."""

from hypothesis import given
from hypothesis import strategies as st

from streaming import rates
from streaming.rates import Bucket, Buckets, Rate


def test_some_at_once_and_then_at_a_rate() -> None:
    bucket = Bucket(Rate(2.0, 3), 10.0)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait_s(10.0) == 0.5
    assert bucket.take(10.5)
    assert not bucket.take(10.6)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 3), min_size=1, max_size=200))
def test_never_more_than_the_rate_and_what_may_come_at_once(pauses: list[float]) -> None:
    rate, now, taken = Rate(5.0, 4), 0.0, 0
    bucket = Bucket(rate, now)
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
    assert taken <= rate.at_once + rate.per_s * now + 1e-6


def test_everybody_has_their_own_and_there_are_not_more_and_more() -> None:
    buckets = Buckets(Rate(1.0, 1))
    assert buckets.of("a", 0.0).take(0.0)
    assert not buckets.of("a", 0.0).take(0.0)
    assert buckets.of("b", 0.0).take(0.0)
    for n in range(rates.KNOWN):
        buckets.of(n, 0.0)
    assert len(buckets._of) == rates.KNOWN
