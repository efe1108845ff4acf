"""What is painted on the skin, in shares from 0 to 1 of each vertex.

Places are metres on the base mesh as it comes (:attr:`avatar.studio.person.Person.reference`): eyes at (±0.031, 0.728),
tip of the nose at (0, 0.692), lips at (0, 0.661), chin at (0, 0.625).
"""

import numpy as np

from avatar.studio.base_mesh import Array
from avatar.studio.motion import smooth


def masks(reference: Array, ears: Array) -> dict[str, Array]:
    """(n,) for each: ``blush``, where blood shows; ``shade``, around the eyes; ``oil``, what shines; ``pores``;
    ``beard``, where one grows; ``cheeks``, where a doll's are painted.
    """
    x, y, z = np.abs(reference[:, 0]), reference[:, 1], reference[:, 2]
    ahead = smooth((z - 0.06) / 0.05)

    def spot(at: tuple[float, float], size: tuple[float, float]) -> Array:
        return np.asarray(np.exp(-(((x - at[0]) / size[0]) ** 2) - ((y - at[1]) / size[1]) ** 2) * ahead)

    cheek = spot((0.046, 0.692), (0.019, 0.017))
    nose = spot((0.0, 0.690), (0.013, 0.013))
    wings = spot((0.014, 0.686), (0.007, 0.008))
    chin = spot((0.0, 0.630), (0.017, 0.012))
    socket = spot((0.030, 0.7275), (0.021, 0.015))
    inner = spot((0.014, 0.722), (0.008, 0.010))
    below = spot((0.030, 0.713), (0.018, 0.006))
    bridge = spot((0.0, 0.715), (0.006, 0.022))
    forehead = spot((0.0, 0.775), (0.034, 0.024))
    lip = spot((0.0, 0.661), (0.025, 0.009))
    jaw = smooth((0.676 - 0.10 * x - y) / 0.010) * smooth((y - 0.585) / 0.02) * smooth((z - 0.01) / 0.05)
    moustache = spot((0.011, 0.6735), (0.019, 0.006))
    cheekbone = smooth((0.055 - x) / 0.01 + smooth((0.668 - y) / 0.012))
    return {
        "cheeks": spot((0.043, 0.688), (0.014, 0.012)),
        "beard": (np.maximum(0.9 * jaw * cheekbone, moustache) * (1 - lip)).clip(0, 1),
        "blush": (0.55 * cheek + 0.40 * nose + 0.35 * wings + 0.14 * chin + 0.55 * ears).clip(0, 1),
        "shade": (0.55 * socket + 0.45 * inner + 0.35 * below).clip(0, 1),
        "oil": (0.5 * forehead + 0.8 * bridge + 0.9 * nose + 0.35 * chin + 0.3 * cheek).clip(0, 1),
        "pores": (0.35 + 0.65 * (nose + wings + 0.7 * cheek + 0.3 * chin + 0.3 * forehead)).clip(0, 1),
    }
