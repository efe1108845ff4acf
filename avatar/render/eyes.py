"""Eyeballs: balls that turn with the gaze, under shade that stays with the lids and lamps that stay in the room.

What an eye shows is its own colour, which turns with it, times the shade that falls on the ball there, which depends on
where lids, lashes and brows are but hardly on where the eye looks, plus what the wet ball mirrors, which depends on
neither: lamps do not move. Where shade is deep, lids and lashes stand between the ball and the lamps as well.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.face import EYE_RANGE, INDEX
from avatar.render.kernel import kernel, part
from avatar.render.pose import rotation_matrix
from avatar.render.raster import UV_BITS, UV_MASK

Floats = npt.NDArray[np.float32]

WIDE: Final = 0.85
HIGH: Final = 0.62
"""Half the width and height that a shade covers, in radii of its ball, seen from the front of the head."""
_WHITE: Final = 235


def gaze(weights: Floats) -> Floats:
    """(2, 3, 3): how the left and the right eyeball are turned in the head by the (52,) weights of a face frame."""
    out = np.empty((2, 3, 3), np.float32)
    for eye, (side, outward) in enumerate((("Left", 1), ("Right", -1))):
        look = {way: float(weights[INDEX[f"eyeLook{way}{side}"]]) for way in ("Out", "In", "Down", "Up")}
        yaw, pitch = outward * (look["Out"] - look["In"]), look["Down"] - look["Up"]
        out[eye] = rotation_matrix(np.array([pitch, yaw, 0], np.float32) * np.float32(EYE_RANGE))
    return out


def on_the_ball(columns: Floats, rows: Floats, centre: Floats, radius: float, turn: Floats) -> tuple[Floats, Floats]:
    """Where in a shade, -1 to 1 across and down, pixels show a ball of ``radius`` pixels at ``centre`` (2,).

    ``columns`` and ``rows`` are of the pixels' middles; ``turn`` (3, 3) is the head's. What :func:`light_at` does, in
    NumPy, for builders of packs.
    """
    across, up = (columns - centre[0]) / radius, -(rows - centre[1]) / radius
    towards = np.sqrt(np.maximum(1 - across**2 - up**2, 0))
    ball = np.stack([across, up, towards], -1) @ turn  # the inverse of the head's turn
    return ball[..., 0] / WIDE, -ball[..., 1] / HIGH


@kernel
def turn_eyes(points, spans, centres, turns):  # type: ignore[no-untyped-def]
    """Turn ``points`` (n, 3) from spans[e, 0] to spans[e, 1] about ``centres`` (2, 3) by ``turns`` (2, 3, 3)."""
    for eye in range(2):
        for i in range(spans[eye, 0], spans[eye, 1]):
            x, y, z = (points[i, 0] - centres[eye, 0], points[i, 1] - centres[eye, 1], points[i, 2] - centres[eye, 2])
            for axis in range(3):
                moved = turns[eye, axis, 0] * x + turns[eye, axis, 1] * y + turns[eye, axis, 2] * z
                points[i, axis] = centres[eye, axis] + moved


@kernel
def shade(rest, ids, scales, steps, weights, out):  # type: ignore[no-untyped-def]
    """``out`` (2, e, f) = ``rest`` + Σ weights[ids[j]] · scales[j] · steps[j], the steps int8."""
    for eye in range(2):
        for y in range(rest.shape[1]):
            for x in range(rest.shape[2]):
                out[eye, y, x] = rest[eye, y, x]
    for j in range(ids.shape[0]):
        weight = weights[np.uintp(ids[j])] * scales[j]
        for eye in range(2):
            for y in range(rest.shape[1]):
                for x in range(rest.shape[2]):
                    out[eye, y, x] += weight * np.float32(steps[j, eye, y, x])
    for eye in range(2):
        for y in range(rest.shape[1]):
            for x in range(rest.shape[2]):
                out[eye, y, x] = min(max(out[eye, y, x], np.float32(0)), np.float32(2))


@part
def which_eye(key, charts):  # type: ignore[no-untyped-def]
    """The eye that a raster key shows, -1 for none; ``charts`` (2, 4) are boxes of the atlas in 1/256 texel."""
    u, v = key & UV_MASK, (key >> UV_BITS) & UV_MASK
    for eye in range(2):
        if charts[eye, 0] <= u and u < charts[eye, 2] and charts[eye, 1] <= v and v < charts[eye, 3]:
            return eye
    return -1


@part
def _between(plane, x, y):  # type: ignore[no-untyped-def]
    """A plane at (column, row), bilinear, going on beyond its edges."""
    rows, columns, zero = plane.shape[0], plane.shape[1], np.float32(0)
    x = min(max(x, zero), np.float32(columns) - np.float32(1.001))
    y = min(max(y, zero), np.float32(rows) - np.float32(1.001))
    i, j = np.uintp(x), np.uintp(y)
    fx, fy = x - np.float32(i), y - np.float32(j)
    right, below = i + np.uintp(1), j + np.uintp(1)
    upper = plane[j, i] + (plane[j, right] - plane[j, i]) * fx
    lower = plane[below, i] + (plane[below, right] - plane[below, i]) * fx
    return upper + (lower - upper) * fy


@part
def light_at(shades, gloss, ball, x, y):  # type: ignore[no-untyped-def]
    """The factor on an eye's colour, and the luma that lamps add to it, at the middle of pixel (x, y).

    ``shades`` (e, f) from :func:`shade`; ``gloss`` (g, g); ``ball`` (15,) is its centre (column, row) and radius in
    pixels, the head's turn, row by row, the factor that no lamp is mirrored at or below, one over the span from there
    to that from which on lamps are mirrored wholly, and the share of chroma that a level of mirrored light takes.
    """
    one, half, zero = np.float32(1), np.float32(0.5), np.float32(0)
    left, top = np.float32(x) + half - ball[0], np.float32(y) + half - ball[1]
    across, up = left / ball[2], -top / ball[2]
    towards = np.sqrt(max(one - across * across - up * up, zero))
    hx = ball[3] * across + ball[6] * up + ball[9] * towards
    hy = ball[4] * across + ball[7] * up + ball[10] * towards
    rows, columns = np.float32(shades.shape[0] - 1), np.float32(shades.shape[1] - 1)
    factor = _between(
        shades, (hx * np.float32(1 / WIDE) + one) * half * columns, (one - hy * np.float32(1 / HIGH)) * half * rows
    )
    middle = np.float32(gloss.shape[0] - 1) * half
    reach = middle - half
    added = zero
    if abs(left) < reach and abs(top) < reach:
        mirrored = min(max((factor - ball[12]) * ball[13], zero), one)
        added = _between(gloss, middle + left, middle + top) * mirrored
    return factor, added


@part
def near_eye(balls, left, top, right, bottom):  # type: ignore[no-untyped-def]
    """Whether a box of pixels may show an eyeball."""
    for eye in range(2):
        r = balls[eye, 2]
        if (
            balls[eye, 0] - r < right and balls[eye, 0] + r > left
            and balls[eye, 1] - r < bottom and balls[eye, 1] + r > top
        ):  # fmt: skip
            return True
    return False


@part
def light_luma(near, charts, shades, gloss, balls, ty, tx, rows, columns, ring, out_y, stride, at):  # type: ignore[no-untyped-def]
    """Shade the eyeballs that a cell shows, and add what they mirror."""
    black, half, white = np.float32(16), np.float32(0.5), np.float32(_WHITE)
    for y in range(rows):
        for x in range(columns):
            eye = which_eye(near[np.uintp((ty + y) & ring), np.uintp(tx + x)], charts)
            if eye >= 0:
                factor, added = light_at(shades[eye], gloss[eye], balls[eye], tx + x, ty + y)
                n = np.uintp(at + y * stride + x)
                value = black + (np.float32(out_y[n]) - black) * factor + added
                out_y[n] = np.uint8(np.int32(min(max(value + half, np.float32(0)), white)))


@part
def light_chroma(near, charts, shades, gloss, balls, ty, tx, rows, columns, ring, out_u, out_v, stride, at):  # type: ignore[no-untyped-def]
    """Take from the eyeballs' chroma what shade and lamps take; ``stride`` and ``at`` are of the chroma planes."""
    grey, half, one = np.float32(128), np.float32(0.5), np.float32(1)
    for y in range(rows >> 1):
        for x in range(columns >> 1):
            eye = which_eye(near[np.uintp((ty + 2 * y) & ring), np.uintp(tx + 2 * x)], charts)
            if eye >= 0:
                factor, added = light_at(shades[eye], gloss[eye], balls[eye], tx + 2 * x, ty + 2 * y)
                factor *= max(one - balls[eye, 14] * added, np.float32(0))
                n = np.uintp(at + y * stride + x)
                out_u[n] = np.uint8(np.int32(grey + (np.float32(out_u[n]) - grey) * factor + half))
                out_v[n] = np.uint8(np.int32(grey + (np.float32(out_v[n]) - grey) * factor + half))
