"""Progress bars for a terminal."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tqdm import tqdm


@contextlib.contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """A :data:`streaming.models.store.Progress` that draws a bar per model, if standard error is a terminal."""
    shown: dict[str, tqdm[Any]] = {}

    def show(name: str, done: int, total: int) -> None:
        if name not in shown:
            shown[name] = tqdm(
                total=total,
                initial=done,
                desc=name,
                unit="B",
                unit_scale=True,
                disable=not sys.stderr.isatty(),
                position=len(shown),
            )
        shown[name].update(done - shown[name].n)

    try:
        yield show
    finally:
        for bar in shown.values():
            bar.close()
