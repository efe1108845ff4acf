"""Whose turn it is among lines that say the same in other words. Sans-I/O."""

from collections.abc import Iterator, Sequence
from random import Random


def shuffled(lines: Sequence[str], random: Random) -> Iterator[str]:
    """For ever: all before any again, each time in another order, none twice in a row."""
    last = None
    while lines:
        order = random.sample(lines, len(lines))
        if order[0] == last and len(order) > 1:
            order.reverse()
        yield from order
        last = order[-1]
