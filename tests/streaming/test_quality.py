"""When a viewer is sent the lighter rendition, by a clock that the test turns."""

from dataclasses import replace

from streaming.quality import BAD_LOOKS, HELD_S, TRY_MOST_S, TRY_S, Quality, Reception

FINE = Reception(packets=0, octets=0, lost=0, estimate=None, round_trip_s=0.05, picture_losses=0)
RATE = 2_000_000
"""Bits a second that are sent,"""
PACKETS = 200
"""in so many packets."""


class Viewer:
    def __init__(self) -> None:
        self.quality = Quality()
        self.now = 0.0
        self.seen = FINE
        self.changes: list[tuple[float, bool]] = []

    def for_seconds(self, seconds: float, loss: float = 0.0, **how: float | int | None) -> None:
        for _ in range(round(seconds)):
            self.now += 1.0
            sent = replace(self.seen, packets=self.seen.packets + PACKETS, octets=self.seen.octets + RATE // 8)
            self.seen = replace(sent, lost=sent.lost + round(loss * PACKETS), **how)  # type: ignore[arg-type]
            if self.quality.look(self.now, self.seen):
                self.changes.append((self.now, self.quality.light))


def test_a_good_network_is_sent_the_full_picture() -> None:
    viewer = Viewer()
    viewer.for_seconds(3600, loss=0.05, estimate=int(1.2 * RATE))
    assert not viewer.changes


def test_heavy_loss_brings_the_lighter_picture_after_three_looks_and_one_bad_look_does_not() -> None:
    viewer = Viewer()
    viewer.for_seconds(5)
    viewer.for_seconds(2, loss=0.2)
    viewer.for_seconds(5, loss=0.0)
    assert not viewer.changes
    viewer.for_seconds(BAD_LOOKS, loss=0.2)
    assert viewer.changes == [(viewer.now, True)]


def test_when_a_third_is_lost_two_looks_are_enough() -> None:
    viewer = Viewer()
    viewer.for_seconds(5)
    viewer.for_seconds(2, loss=0.4)
    assert viewer.changes == [(viewer.now, True)]


def test_a_full_network_is_seen_in_estimate_and_round_trip_but_in_neither_alone() -> None:
    viewer = Viewer()
    viewer.for_seconds(5, estimate=RATE)
    viewer.for_seconds(10, estimate=RATE // 2)
    viewer.for_seconds(10, estimate=RATE, round_trip_s=0.3)
    assert not viewer.changes
    viewer.for_seconds(BAD_LOOKS, estimate=RATE // 2, round_trip_s=0.3)
    assert viewer.quality.light


def test_nothing_is_concluded_from_an_estimate_while_little_is_sent() -> None:
    still = Quality()  # a still picture: the estimate follows what is sent
    for second in range(20):
        seen = replace(FINE, octets=second * 10_000, estimate=40_000, round_trip_s=0.05 * (second + 1))
        assert not still.look(float(second), seen)


def test_the_full_picture_is_tried_again_ever_more_rarely_until_it_holds() -> None:
    viewer = Viewer()
    viewer.for_seconds(5)
    waits = []
    for _ in range(6):
        while not viewer.quality.light:
            viewer.for_seconds(1, loss=0.2)
        down = viewer.now
        while viewer.quality.light:
            viewer.for_seconds(1, loss=0.0)
        waits.append(viewer.now - down)
    assert waits == [TRY_S, 2 * TRY_S, 4 * TRY_S, 8 * TRY_S, TRY_MOST_S, TRY_MOST_S]
    viewer.for_seconds(HELD_S + 2)
    viewer.for_seconds(BAD_LOOKS, loss=0.2)
    down = viewer.now
    while viewer.quality.light:
        viewer.for_seconds(1, loss=0.0)
    assert viewer.now - down == TRY_S


def test_a_try_is_given_up_at_its_first_bad_look() -> None:
    viewer = Viewer()
    viewer.for_seconds(1)
    viewer.for_seconds(BAD_LOOKS, loss=0.2)
    while viewer.quality.light:
        viewer.for_seconds(1, loss=0.0)
    viewer.for_seconds(1, loss=0.3)
    assert viewer.quality.light


def test_nothing_is_tried_while_even_the_lighter_picture_suffers() -> None:
    viewer = Viewer()
    viewer.for_seconds(1)
    viewer.for_seconds(300, loss=0.2)
    assert viewer.changes == [(1 + BAD_LOOKS, True)]


def test_reports_that_follow_one_another_quickly_are_one_look() -> None:
    viewer = Viewer()
    viewer.for_seconds(2)
    for k in range(10):
        assert not viewer.quality.look(viewer.now + 0.05 * k, replace(viewer.seen, lost=100 * k))
