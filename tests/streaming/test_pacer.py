from avatar.clock import SECONDS_PER_TICK, TICKS_PER_SECOND
from streaming.pacer import LATE_S, Pacer


def test_ticks_are_due_every_48th_of_a_second_for_days() -> None:
    pacer = Pacer(100.0)
    now, days = 100.0, 30 * 24 * 3600 * TICKS_PER_SECOND
    for _ in range(1000):
        now += pacer.wait(now)
        assert pacer.begin(now)
        pacer.advance()
    assert abs(now - 100 - 999 / TICKS_PER_SECOND) < 1e-9
    pacer.tick += days
    assert abs(pacer.due() - 100 - (1000 + days) / TICKS_PER_SECOND) < 1e-6
    assert pacer.skipped == 0


def test_a_late_tick_goes_without_its_picture_and_the_count_goes_on() -> None:
    pacer = Pacer(0.0)
    drawn = []
    now = 0.0
    for tick in range(20):
        now += pacer.wait(now)
        drawn.append(pacer.begin(now))
        now += 0.001 if tick != 5 else LATE_S + 3 * SECONDS_PER_TICK  # one slow picture
        pacer.advance()
    assert pacer.tick == 20
    assert pacer.skipped == drawn.count(False)
    assert 1 <= pacer.skipped <= 4
    assert drawn[:6] == [True] * 6
    assert drawn[-5:] == [True] * 5


def test_after_a_suspension_it_goes_on_from_here() -> None:
    pacer = Pacer(0.0)
    pacer.begin(0.0)
    pacer.advance()
    assert pacer.begin(3600.0)
    pacer.advance()
    assert pacer.resynced == 1
    assert pacer.skipped == 0
    assert 0 < pacer.wait(3600.0) <= SECONDS_PER_TICK + 1e-9
