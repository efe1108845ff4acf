"""Things that happen now and then."""

import numpy as np

from avatar.clock import TICKS_PER_SECOND
from avatar.moments import Moments

HOUR = 3600 * TICKS_PER_SECOND


def blinks(seed: int = 1) -> Moments:
    return Moments(seed, 200, 3.7, 0.75, 0.45, 14.0)


def test_intervals_are_as_wanted() -> None:
    ticks = np.array([tick for tick, _ in blinks().within(0, 3 * HOUR)])
    apart = np.diff(ticks) / TICKS_PER_SECOND
    assert abs(apart.mean() - 3.7) < 0.2
    assert (apart > 14.1).mean() < 0.01  # where two blocks meet
    assert apart.max() < 28
    logs = np.log(apart)
    assert abs(logs.std() - 0.75) < 0.06
    assert abs(((logs - logs.mean()) ** 3).mean() / logs.std() ** 3) < 0.25  # log-normal: even on that scale


def test_any_tick_can_be_asked_for_first() -> None:
    whole = blinks().within(0, HOUR)
    for tick in (0, 5, 4095, 4096, 4097, 100_000, 2**40):
        fresh = blinks()
        when, number = fresh.last(tick)
        assert when <= tick < fresh.after(tick)
        if tick < HOUR and when >= 0:
            assert (when, number) in whole
            assert fresh.after(tick) == next(t for t, _ in whole if t > tick)
    assert blinks().within(50_000, 60_000) == [moment for moment in whole if 50_000 <= moment[0] < 60_000]


def test_numbers_are_their_own_and_seeds_differ() -> None:
    moments = blinks().within(0, HOUR)
    assert len({number for _, number in moments}) == len(moments)
    assert moments != blinks(2).within(0, HOUR)


def test_little_is_remembered() -> None:
    moments = blinks()
    for tick in range(0, 100 * HOUR, HOUR):
        moments.last(tick)
    assert len(moments._blocks) < 10
