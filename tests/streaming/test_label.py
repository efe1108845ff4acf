import numpy as np
import pytest

from avatar.picture import Picture
from streaming.label import MARGIN, Label


def grey(width: int, height: int, luma: int) -> Picture:
    picture = Picture(width, height)
    picture.y[:], picture.u[:], picture.v[:] = luma, 100, 160
    return picture


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (960, 540)])
@pytest.mark.parametrize("background", [16, 128, 235])
def test_the_text_is_high_enough_and_legible_on_any_background(size: tuple[int, int], background: int) -> None:
    picture = grey(*size, background)
    Label(*size, region=(0, 0, 2, 2)).stamp(picture)
    short = min(size)
    box = picture.y[MARGIN : MARGIN + short // 9, MARGIN : MARGIN + short * 6 // 10]
    white = box > 215
    around = np.median(box[~white])
    assert around < 175  # white letters on a darkened plate, even on white
    rows = np.flatnonzero((box > (215 + around) / 2).any(1))
    assert np.ptp(rows) + 1 >= 0.05 * short


@pytest.mark.parametrize(
    "region", [(300, 50, 1500, 900), (0, 0, 1920, 1080), (700, 0, 1400, 1080), (400, 200, 900, 900)]
)
def test_drawing_over_it_and_restamping_leaves_it_whole(region: tuple[int, int, int, int]) -> None:
    label = Label(1920, 1080, region)
    whole = grey(1920, 1080, 90)
    label.stamp(whole)
    for_ticks = grey(1920, 1080, 90)
    label.stamp(for_ticks)
    x0, y0, x1, y1 = region
    for _ in range(3):  # what a renderer does each tick
        for_ticks.y[y0:y1, x0:x1] = 90
        for_ticks.u[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] = 100
        for_ticks.v[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] = 160
        label.restamp(for_ticks)
    assert np.array_equal(for_ticks.data, whole.data)
