from itertools import count

from streaming.strain import FIRST_TRY_S, HELD_S, LAST_TRY_S, MANY, STRAINED_S, Strain


def seconds(strain: Strain, number: int, left_out: int) -> list[int]:
    """In which of them it changed."""
    return [n for n in range(number) if strain.second(left_out)]


def test_a_hiccup_changes_nothing() -> None:
    strain = Strain()
    for _ in range(100):
        assert not seconds(strain, STRAINED_S - 1, 48)
        assert not seconds(strain, 1, MANY - 1)
    assert not strain.half


def test_a_strain_halves_the_rate_and_all_pictures_are_tried_again() -> None:
    strain = Strain()
    assert seconds(strain, STRAINED_S, MANY) == [STRAINED_S - 1]
    assert strain.half
    assert not seconds(strain, FIRST_TRY_S - 1, 0)
    assert not seconds(strain, 1, MANY)  # too early: it is still strained
    assert seconds(strain, FIRST_TRY_S, 0) == [FIRST_TRY_S - 1]
    assert not strain.half


def until_it_changes(strain: Strain, left_out: int) -> int:
    return next(n for n in count(1) if strain.second(left_out))


def test_tries_that_fail_become_rarer_and_one_that_lasts_is_forgotten() -> None:
    strain, waits = Strain(), []
    for _ in range(8):
        assert until_it_changes(strain, 48) == STRAINED_S
        waits.append(until_it_changes(strain, 0))
    assert waits == [30, 60, 120, 240, 480, 960, 960, 960]
    assert waits[0] == FIRST_TRY_S
    assert waits[-1] == LAST_TRY_S
    assert not seconds(strain, HELD_S, 0)
    until_it_changes(strain, 48)
    assert until_it_changes(strain, 0) == FIRST_TRY_S
