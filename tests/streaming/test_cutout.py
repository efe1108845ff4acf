"""The host without a background."""

import cv2
import numpy as np
import pytest

from avatar.actor import Actor
from avatar.hosts import load_host
from avatar.picture import Picture
from streaming.cutout import BLACK, GREY, WHITE, Cutout, keyed
from streaming.label import Label


def before(behind: int, alpha: float, colour: tuple[int, int, int]) -> Picture:
    picture = Picture(8, 8)
    for plane, own, back in zip((picture.y, picture.u, picture.v), colour, (behind, GREY, GREY), strict=True):
        plane[:] = round(alpha * own + (1 - alpha) * back)
    return picture


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 1.0])
def test_opacity_and_colour_are_told_apart(alpha: float) -> None:
    colour, into = (120, 90, 170), Picture(8, 8)
    seen = keyed(before(BLACK, alpha, colour), before(WHITE, alpha, colour), into)
    assert np.abs(seen.astype(int) - round(255 * alpha)).max() <= 2
    if alpha:
        for plane, own in zip((into.y, into.u, into.v), colour, strict=True):
            assert np.abs(plane.astype(int) - own).max() <= 1 / alpha
    else:
        assert (into.y.max(), into.u.max()) == (BLACK, GREY)


def test_laid_over_a_colour_it_is_the_host_before_that_colour() -> None:
    size, actor = (1920, 1080), Actor(0)
    cutout, truth, renderer = Cutout("lin", *size), Picture(*size), load_host("lin", *size, "#308050")
    renderer.prepare(truth)
    behind = [int(plane[0, 0]) for plane in (truth.y, truth.u, truth.v)]
    label = Label(*size, renderer.region)
    label.stamp(truth)
    for tick in (0, 48):
        face = actor.frame(tick)
        cutout.draw(face)
        renderer.draw(face, truth)
        label.restamp(truth)
    fine = cutout.alpha / 255
    coarse = cv2.resize(fine, (960, 540), interpolation=cv2.INTER_AREA)
    own, wanted = cutout.picture, (truth.y, truth.u, truth.v)
    for plane, opacity, colour, true in zip((own.y, own.u, own.v), (fine, coarse, coarse), behind, wanted, strict=True):
        wrong = np.abs(plane * opacity + colour * (1 - opacity) - true)
        assert wrong.mean() < 0.1
        # Chroma is taken to be as opaque as the luma over it, which at outlines it is only nearly.
        assert np.percentile(wrong, 99.9) < (2 if plane is own.y else 5)
    assert 0.2 < (cutout.alpha > 250).mean() < 0.5
    assert (cutout.alpha[:, -50:] == 0).all()
