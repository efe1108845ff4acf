"""How alike two pictures are."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_WINDOW: Final = 11
_SIGMA: Final = 1.5
_C1, _C2 = 0.01**2, 0.03**2
_LUMA: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""ITU-R BT.709-6, item 3.2."""


def luma(rgb: Floats) -> Floats:
    """(h, w) of R'G'B' (h, w, 3), both in [0, 1]."""
    return np.asarray(rgb @ _LUMA, np.float32)


def psnr(a: Floats, b: Floats) -> float:
    """Peak signal to noise in dB, of pictures of one shape with values in [0, 1]; 99 where they are equal."""
    error = float(np.mean(np.square(a.astype(np.float64) - b)))
    return 99.0 if error < 1e-9 else float(-10 * np.log10(error))


def ssim(a: Floats, b: Floats) -> float:
    """Structural similarity of two luma pictures (h, w) in [0, 1], at least 11 pixels a side.

    Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli, "Image quality assessment: from error visibility to structural
    similarity" (2004), eq. 13: an 11 x 11 Gaussian window of 1.5 pixels, K = (0.01, 0.03), the mean over all places
    where the window lies within the picture.
    """
    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_a, mean_b = _blurred(x), _blurred(y)
    var_a, var_b = _blurred(x * x) - mean_a**2, _blurred(y * y) - mean_b**2
    both = _blurred(x * y) - mean_a * mean_b
    alike = (2 * mean_a * mean_b + _C1) * (2 * both + _C2)
    return float(np.mean(alike / ((mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2))))


def _blurred(image: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    edge = _WINDOW // 2
    out = cv2.GaussianBlur(image, (_WINDOW, _WINDOW), _SIGMA)
    return np.asarray(out[edge:-edge, edge:-edge], np.float64)
