"""What a room counts of its questions, for whoever watches over many rooms. Times are Unix seconds."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Final

from streaming.questions import Outcome, Question

WAITED_S: Final = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
FIRST_SOUND_S: Final = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0)


CODES: Final = (
    "busy", "too_fast", "too_long", "empty", "muted", "declined", "not_taken", "no_question", "nothing_heard",
    "operators_only",
)  # fmt: skip


class Durations:
    """How often something took how long, as Prometheus's histograms have it."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """``bounds``: of the buckets, in seconds; longer ones are counted as well."""
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total_s = 0.0

    def note(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self.total_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bounds, and how many took no longer."""
        names = [*map(str, self._bounds), "+Inf"]
        return [(name, float(sum(self._counts[: n + 1]))) for n, name in enumerate(names)]


class Tally:
    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.rejected: Counter[str] = Counter(dict.fromkeys(CODES, 0))
        """Questions that were not taken, by the code that says why; from 0 on, or nobody would see the first rise."""
        self.waited = Durations(WAITED_S)
        """From the question to its turn,"""
        self.first_sound = Durations(FIRST_SOUND_S)
        """and from there until the answer is heard."""
        self._begun: dict[str, float] = {}

    def began(self, question: Question, now: float) -> None:
        self._begun[question.id] = now
        self.waited.note(max(0.0, now - question.asked_at))

    def heard(self, question: str, now: float) -> None:
        """Something of its answer; what is first counts."""
        if (begun := self._begun.pop(question, None)) is not None:
            self.first_sound.note(max(0.0, now - begun))

    def ended(self, question: str, outcome: Outcome) -> None:
        self._begun.pop(question, None)
        self.outcomes[outcome] += 1
