"""Clothes and set, drawn as pictures: a blazer over a V-necked blouse, and a soft office behind."""

import cv2
import numpy as np

from avatar.studio.base_mesh import Array

LEFT, RIGHT, BOTTOM, TOP = -0.3, 0.3, 0.1, 0.5
"""What the garment picture covers, seen from the front, metres."""
PIXELS_A_METRE = 4000
NECKLINE = ((-0.070, 0.52), (-0.070, 0.440), (-0.054, 0.405), (-0.030, 0.374), (-0.012, 0.357), (-0.004, 0.352))
OPENING = ((-0.088, 0.52), (-0.084, 0.440), (-0.004, 0.228))
LAPEL = (
    (-0.084, 0.452),
    (-0.110, 0.395),
    (-0.094, 0.380),
    (-0.128, 0.366),
    (-0.050, 0.262),
    (-0.002, 0.212),
    (0.0, 0.222),
    (-0.084, 0.440),
)


def garment() -> Array:
    """(h, w, 3) in [0, 1]: how much is fabric (not skin), how much is jacket (not blouse), and height for relief."""
    size = (round((TOP - BOTTOM) * PIXELS_A_METRE), round((RIGHT - LEFT) * PIXELS_A_METRE))
    skin = _fill(size, NECKLINE, closed_by_mirror=True)
    open_ = _fill(size, OPENING, closed_by_mirror=True)
    lapels = np.maximum(_fill(size, LAPEL), _fill(size, [(-x, y) for x, y in LAPEL]))
    jacket = np.maximum(1 - open_, lapels)
    height = 0.35 * (1 - skin) + 0.30 * jacket + 0.35 * lapels
    relief = cv2.GaussianBlur(height, (0, 0), 3.0)
    return np.stack([1 - skin, jacket, relief], -1)


def _fill(
    size: tuple[int, int],
    outline: "tuple[tuple[float, float], ...] | list[tuple[float, float]]",
    closed_by_mirror: bool = False,
) -> Array:
    points = list(outline)
    if closed_by_mirror:
        points += [(-x, y) for x, y in reversed(points)]
    at = np.array([((x - LEFT) * PIXELS_A_METRE, (TOP - y) * PIXELS_A_METRE) for x, y in points])
    image = np.zeros(size, np.uint8)
    cv2.fillPoly(image, [np.rint(at * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return image.astype(np.float64) / 255


def office(width: int, height: int) -> Array:
    """(h, w, 3) linear light: a window on one side, shelves on the other, far out of focus."""
    rng = np.random.default_rng(5)
    image = np.empty((height, width, 3), np.float32)
    across, down = np.linspace(0, 1, width)[None, :, None], np.linspace(0, 1, height)[:, None, None]
    image[:] = np.array([0.30, 0.27, 0.24]) * (1.05 - 0.35 * down) * (1.05 - 0.3 * across)
    window = np.array([0.62, 0.74, 0.86], np.float32)
    for k in range(3):
        x0 = int(width * (0.02 + 0.125 * k))
        image[int(height * 0.06) : int(height * 0.78), x0 : x0 + int(width * 0.105)] = window * (1.0 - 0.12 * k)
    shelf = slice(int(width * 0.66), int(width * 0.97))
    image[int(height * 0.05) : int(height * 0.92), shelf] = (0.16, 0.115, 0.08)
    palette = np.array(
        [[0.30, 0.09, 0.06], [0.09, 0.14, 0.22], [0.42, 0.36, 0.26], [0.12, 0.17, 0.11], [0.5, 0.46, 0.4]]
    )
    for row in range(5):
        floor = int(height * (0.19 + 0.165 * row))
        x = shelf.start + 14
        while x < shelf.stop - 40:
            book = int(rng.integers(14, 34))
            tall = int(height * rng.uniform(0.085, 0.125))
            if rng.random() < 0.8:
                image[floor - tall : floor, x : x + book] = palette[rng.integers(len(palette))] * rng.uniform(0.6, 1.1)
            x += book + 2
    blurred = cv2.GaussianBlur(image, (0, 0), width / 62)
    lamp = np.exp(-(((across - 0.60) / 0.10) ** 2 + ((down - 0.16) / 0.2) ** 2))
    return np.asarray((blurred + 0.10 * lamp * np.array([1.0, 0.82, 0.6])).astype(np.float32))
