"""What listeners would think of a voice, predicted: DistillMOS (Stahl & Gamper, "Distillation and Pruning for Scalable
Self-Supervised Representation-Based Speech Quality Assessment", 2025). Needs ``pip install distillmos``, and so torch.
"""

import contextlib
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from avatar.speech import Pcm

RATE: Final = 16_000


def predictor() -> Callable[[Pcm], float] | None:
    """Sound (n,) at :data:`RATE` to a mean opinion score, 1 to 5; None where distillmos is not installed."""
    try:
        import torch
        from distillmos import ConvTransformerSQAModel
    except ImportError:
        return None
    with contextlib.redirect_stdout(sys.stderr):  # it tells where it finds its weights
        model: Any = ConvTransformerSQAModel()
    model.eval()

    def score(pcm: Pcm) -> float:
        with torch.no_grad():
            return float(model(torch.from_numpy(np.ascontiguousarray(pcm))[None]))

    return score
