"""Lists of lists of unknown lengths, laid out flat."""

import torch
from torch import Tensor


def spread(counts: Tensor) -> tuple[Tensor, Tensor]:
    """For ``counts`` (n,) of things that each of n owners has: the owner of each thing, and its number with its owner.

    Both (sum of counts,) int64, owners in their order.
    """
    owner = torch.repeat_interleave(counts)
    first = torch.cumsum(counts, 0) - counts
    return owner, torch.arange(len(owner), device=counts.device) - first[owner]
