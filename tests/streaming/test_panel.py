import numpy as np
import pytest

from avatar.picture import Picture
from avatar.renderer import Box
from streaming.panel import Panel
from streaming.panels import FADE_TICKS, Panels

REGIONS = [(0, 0, 2, 2), (100, 20, 260, 180), (0, 60, 320, 180), (0, 0, 320, 180)]
WHOLE = FADE_TICKS + 4


def picture(seed: int = 0) -> Picture:
    made = Picture(320, 180)
    made.data[:] = np.random.default_rng(seed).integers(16, 236, made.data.shape)
    return made


def panel(x: int = 180, y: int = 40, w: int = 120, h: int = 100, seed: int = 1) -> Panel:
    rng = np.random.default_rng(seed)

    def plane(rows: int, columns: int) -> np.typing.NDArray[np.uint8]:
        return rng.integers(0, 256, (rows, columns)).astype(np.uint8)

    sizes = ((h, w), (h // 2, w // 2), (h // 2, w // 2), (h, w), (h // 2, w // 2))
    return Panel(x, y, *(plane(*size) for size in sizes))


def draw_host(on: Picture, clean: Picture, region: Box) -> None:
    """What a renderer does: all of its region anew."""
    x0, y0, x1, y1 = region
    for plane, own, k in ((on.y, clean.y, 1), (on.u, clean.u, 2), (on.v, clean.v, 2)):
        plane[y0 // k : y1 // k, x0 // k : x1 // k] = own[y0 // k : y1 // k, x0 // k : x1 // k]


class Show:
    """Some pictures in flight, in turn."""

    def __init__(self, region: Box) -> None:
        self.region = region
        self.clean = picture()
        self.panels = Panels(picture(), region)
        self.flying = [picture() for _ in range(3)]
        self.tick = 1000

    def ticks(self, count: int) -> Picture:
        for _ in range(count):
            self.tick += 1
            last = self.flying[self.tick % 3]
            self.panels.under(last, self.tick)
            draw_host(last, self.clean, self.region)
            self.panels.over(last)
        return last


@pytest.mark.parametrize("region", REGIONS)
def test_it_is_laid_as_its_opacity_says_wherever_the_host_is(region: Box) -> None:
    show, over = Show(region), panel()
    show.panels.show(show.panels.laid(over))
    shown = show.ticks(WHOLE)
    share = over.opacity / 255
    expected = over.luma * share + show.clean.y[40:140, 180:300] * (1 - share)
    assert np.abs(shown.y[40:140, 180:300] - expected).max() <= 1.5
    share = over.half_opacity / 255
    expected = over.u * share + show.clean.u[20:70, 90:150] * (1 - share)
    assert np.abs(shown.u[20:70, 90:150] - expected).max() <= 1.5
    outside = np.ones((180, 320), np.bool_)
    outside[40:140, 180:300] = False
    assert np.array_equal(shown.y[outside], show.clean.y[outside])


@pytest.mark.parametrize("region", REGIONS)
def test_it_stays_the_same_and_goes_without_a_trace(region: Box) -> None:
    show = Show(region)
    show.panels.show(show.panels.laid(panel()))
    show.ticks(WHOLE)
    first = show.flying[0].data.copy()
    show.ticks(30)
    assert all(np.array_equal(one.data, first) for one in show.flying)
    show.panels.show(None)
    show.ticks(WHOLE)
    assert all(np.array_equal(one.data, show.clean.data) for one in show.flying)


def test_it_fades_in_and_out() -> None:
    show, over = Show((0, 0, 2, 2)), panel()
    over.opacity[:] = 255
    over.luma[:] = 235
    show.panels.show(show.panels.laid(over))
    means = [float(show.ticks(1).y[40:140, 180:300].mean()) for _ in range(FADE_TICKS + 1)]
    assert means == sorted(means)
    assert means[0] < 140
    assert means[-1] == 235
    show.panels.show(None)
    assert 130 < float(show.ticks(FADE_TICKS // 2).y[40:140, 180:300].mean()) < 230


def test_another_takes_its_place() -> None:
    show, one, other = Show((100, 20, 260, 180)), panel(seed=1), panel(20, 10, 200, 60, seed=2)
    show.panels.show(show.panels.laid(one))
    show.ticks(5)
    show.panels.show(show.panels.laid(other))
    show.ticks(2 * WHOLE)
    alone = Show((100, 20, 260, 180))
    alone.panels.show(alone.panels.laid(other))
    alone.ticks(WHOLE)
    assert all(np.array_equal(mine.data, alone.flying[0].data) for mine in show.flying)


def test_skipped_ticks_count() -> None:
    show = Show((0, 0, 2, 2))
    show.panels.show(show.panels.laid(panel()))
    show.ticks(1)
    show.tick += 500
    one = show.ticks(1).data.copy()
    assert np.array_equal(show.ticks(3).data, one)


@pytest.mark.parametrize("place", [(-2, 0), (0, -2), (202, 0), (0, 82), (1, 0), (0, 1)])
def test_one_that_is_not_within_the_picture_is_refused(place: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="not within"):
        Show((0, 0, 2, 2)).panels.laid(panel(*place))
