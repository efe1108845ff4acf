"""Progress bars that follow what long work tells of itself."""

from collections.abc import Callable
from typing import Any

from tqdm import tqdm


def following(bar: "tqdm[Any]") -> Callable[[int, int], None]:
    """To be told (done, of all)."""

    def told(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return told
