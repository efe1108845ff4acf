"""``everhost bench checking``: whether sentences that a fact does not carry are caught, and others let by."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from knowledge.bench.gold import Pair, pairs
from knowledge.checking import carries

CAUGHT: Final = 0.95
LOST: Final = 0.05


@dataclass(frozen=True, slots=True)
class Report:
    right: int
    lost: int
    """Of those, not let by;"""
    wrong: int
    caught: int
    by_why: dict[str, tuple[int, int]]
    """What a pair turns on, and "right" or "wrong": judged well, all."""
    mistaken: tuple[Pair, ...]


def run(labelled: Sequence[Pair] | None = None, carries: Callable[[str, str], bool] = carries) -> Report:
    labelled = pairs() if labelled is None else labelled
    said = {one.id: carries(one.sentence, one.fact) for one in labelled}
    all_of = Counter((one.why, one.right) for one in labelled)
    well = Counter((one.why, one.right) for one in labelled if said[one.id] == one.right)
    return Report(
        sum(one.right for one in labelled),
        sum(one.right and not said[one.id] for one in labelled),
        sum(not one.right for one in labelled),
        sum(not one.right and not said[one.id] for one in labelled),
        {f"{'right' if right else 'wrong'} {why}": (well[why, right], n) for (why, right), n in sorted(all_of.items())},
        tuple(one for one in labelled if said[one.id] != one.right),
    )


def table(report: Report) -> str:
    rows = [
        f"wrong ones caught {report.caught / report.wrong:.1%} of {report.wrong} (must be {CAUGHT:.0%})",
        f"right ones lost   {report.lost / report.right:.1%} of {report.right} (at most {LOST:.0%})",
        *(f"  {why:20}{well:4d} of {n}" for why, (well, n) in report.by_why.items()),
    ]
    return "\n".join(rows)
