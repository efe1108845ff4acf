"""Who is not heard, since when and why. Sans-I/O.

Operators mute whom they like for as long as they like. Moderation mutes whoever was stopped too often, each time for
longer; an operator lifts it, also when whoever was muted asks for it.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from streaming.moderation.policy import Policy
from streaming.questions import Refused, lately, note

DAY_S: Final = 86_400.0
FOR_GOOD_S: Final = 3650 * DAY_S
FORGIVEN_S: Final = 365 * DAY_S
"""So long after a mute has ended, the next is the first again."""
_MOST: Final = 100_000
"""Mutes; the oldest are let go."""


@dataclass(slots=True)
class Muted:
    viewer: str
    until: float
    """Unix time, s; in the past: they are heard again."""
    grade: int = 0
    """How often moderation has muted them."""
    why: str = ""
    """What they were stopped for last; "" when an operator muted them."""
    appeal: str = ""
    """What they wrote to have it lifted."""


class Mutes:
    def __init__(self) -> None:
        self._muted: OrderedDict[str, Muted] = OrderedDict()
        self._strikes: OrderedDict[str, deque[float]] = OrderedDict()

    def restore(self, mutes: Iterable[Muted]) -> None:
        self._muted.update((one.viewer, one) for one in mutes)

    def now(self, now: float) -> list[Muted]:
        """Who is muted."""
        return [one for one in self._muted.values() if one.until > now]

    def of(self, viewer: str, now: float) -> Muted | None:
        """None: they are heard."""
        muted = self._muted.get(viewer)
        return muted if muted and muted.until > now else None

    def refusal(self, viewer: str, now: float) -> Refused | None:
        """Why nothing of theirs is taken now; None: it is."""
        if (muted := self.of(viewer, now)) is None:
            return None
        why = f"you were stopped too often, the last time for {muted.why}" if muted.why else "an operator has muted you"
        left = muted.until - now
        lasts = "for good" if left > FOR_GOOD_S / 2 else f"for another {_time(left)}"
        return Refused("muted", f"{why}; you are muted {lasts}. Send an appeal, and an operator looks at it")

    def mute(self, viewer: str, until: float) -> Muted:
        """An operator's word. In the past: they are heard again, and if moderation had muted them, that does not
        count.
        """
        before = self._muted.get(viewer)
        muted = Muted(viewer, until, before.grade if before else 0)
        if before and before.why:
            muted.grade -= 1
            self._strikes.pop(viewer, None)
        return self._keep(muted)

    def stopped(self, viewer: str, why: str, policy: Policy, now: float, *, at_once: bool) -> Muted | None:
        """Moderation stopped something of theirs; whether that mutes them: ``at_once``, or it was too often."""
        note(self._strikes, viewer, now)
        if not at_once and len(lately(self._strikes, viewer, now - DAY_S)) < policy.strikes:
            return None
        del self._strikes[viewer]
        before = self._muted.get(viewer)
        grade = before.grade if before and now - before.until < FORGIVEN_S else 0
        days = policy.mute_days
        lasts = days[grade] * DAY_S if grade < len(days) else FOR_GOOD_S
        return self._keep(Muted(viewer, now + lasts, grade + 1, why))

    def appeal(self, viewer: str, text: str, now: float) -> Muted | None:
        """Whoever is muted asks for it to be lifted, once each time; None: they are not, or have asked."""
        muted = self.of(viewer, now)
        if muted is None or muted.appeal:
            return None
        muted.appeal = text
        return muted

    def _keep(self, muted: Muted) -> Muted:
        self._muted[muted.viewer] = muted
        self._muted.move_to_end(muted.viewer)
        if len(self._muted) > _MOST:
            self._muted.popitem(last=False)
        return muted


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{round(seconds / 3600)} hours" if seconds < 2 * DAY_S else f"{round(seconds / DAY_S)} days"
