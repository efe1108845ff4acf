"""What lies behind the host, drawn as soft pictures."""

import cv2
import numpy as np

from avatar.studio.base_mesh import Array


def office(width: int, height: int) -> Array:
    """(h, w, 3) display-referred R'G'B' in [0, 1]: a window on one side, shelves on the other, out of focus."""
    rng = np.random.default_rng(5)
    image = np.empty((height, width, 3), np.float32)
    across, down = np.linspace(0, 1, width)[None, :, None], np.linspace(0, 1, height)[:, None, None]
    image[:] = np.array([0.50, 0.45, 0.40]) * (1.05 - 0.25 * down) * (1.05 - 0.2 * across)
    window = np.array([0.86, 0.91, 0.96], np.float32)
    for k in range(3):
        x0 = int(width * (0.015 + 0.125 * k))
        image[int(height * 0.10) : int(height * 0.72), x0 : x0 + int(width * 0.108)] = window * (1.0 - 0.07 * k)
    image[int(height * 0.74) :, : int(width * 0.42)] *= 0.8
    shelf = slice(int(width * 0.66), int(width * 0.985))
    image[int(height * 0.05) : int(height * 0.92), shelf] = (0.27, 0.20, 0.145)
    palette = np.array(
        [[0.44, 0.16, 0.12], [0.15, 0.22, 0.33], [0.55, 0.47, 0.34], [0.18, 0.27, 0.20], [0.62, 0.57, 0.49]]
    )
    for row in range(6):
        floor = int(height * (0.17 + 0.145 * row))
        image[floor : floor + max(2, height // 90), shelf] = (0.36, 0.27, 0.19)
        x = shelf.start + width // 80
        while x < shelf.stop - width // 30:
            book = int(width * rng.uniform(0.009, 0.022))
            tall = int(height * rng.uniform(0.080, 0.118))
            if rng.random() < 0.85:
                image[floor - tall : floor, x : x + book] = palette[rng.integers(len(palette))] * rng.uniform(0.7, 1.1)
            x += book + 1
    blurred = cv2.GaussianBlur(image, (0, 0), width / 75)
    lamp = np.exp(-(((across - 0.56) / 0.12) ** 2 + ((down - 0.14) / 0.2) ** 2))
    return np.asarray((blurred + 0.10 * lamp * np.array([1.0, 0.85, 0.65])).clip(0, 1).astype(np.float32))
