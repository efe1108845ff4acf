"""Time that never leaps."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from streaming.steady import SLEW, WRONG_S, SteadyClock


@dataclass
class Clocks:
    wall: float = 1e9
    steady: float = 50.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


def made(clocks: Clocks) -> SteadyClock:
    return SteadyClock(lambda: clocks.wall, lambda: clocks.steady)


def test_it_is_the_wall_clocks_time() -> None:
    clocks = Clocks()
    clock = made(clocks)
    clocks.pass_by(86_400.0)
    assert clock.now() == clocks.wall


def test_a_clock_that_is_set_is_approached() -> None:
    clocks = Clocks()
    clock = made(clocks)
    before = clock.now()
    clocks.wall += 300.0
    assert clock.now() == before
    clocks.pass_by(10.0)
    assert clock.now() == before + 15.0
    clocks.pass_by(1000.0)
    assert clock.now() == clocks.wall
    clocks.wall -= 300.0
    clocks.pass_by(10.0)
    assert clock.now() == clocks.wall + 300.0 - 5.0


def test_a_clock_that_was_never_right_is_believed_at_once() -> None:
    clocks = Clocks(wall=0.0)
    clock = made(clocks)
    clocks.wall = 1.7e9
    assert clock.now() == 1.7e9


def test_a_better_clock_counts_from_when_it_is_told() -> None:
    clocks = Clocks()
    clock = made(clocks)
    clock.tell(clocks.wall + 100.0, clocks.steady)
    assert clock.now() == clocks.wall + 100.0  # at once: this one has just begun
    clock.tell(clocks.wall + 50.0, clocks.steady)
    clocks.pass_by(10.0)
    assert clock.now() == clocks.wall + 95.0


@given(st.lists(st.tuples(st.floats(0.01, 5.0), st.floats(-WRONG_S / 60, WRONG_S / 60)), min_size=1, max_size=50))
def test_it_never_goes_back_and_never_leaps(steps: list[tuple[float, float]]) -> None:
    clocks = Clocks()
    clock = made(clocks)
    last = clock.now()
    for passed, set_by in steps:
        clocks.wall += set_by
        clocks.pass_by(passed)
        now = clock.now()
        assert (1 - SLEW) * passed - 1e-6 <= now - last <= (1 + SLEW) * passed + 1e-6
        last = now
