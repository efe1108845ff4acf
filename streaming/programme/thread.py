"""A storyline on air: its segments one after the other, of topics every passage. Sans-I/O."""

from collections.abc import Sequence

from streaming.programme.schedule import Aired, Schedule, Telling


class Thread:
    """It is told to its end as it was when it was chosen, but for segments that are there no more."""

    def __init__(self, name: str, segments: Sequence[str], last: Aired | None = None) -> None:
        """``last``: the line after which it goes on; its beginning otherwise."""
        self.name = name
        self._left = list(segments)
        self._last: int | None = None
        """Which wording of the first that is left was told last."""
        if last is not None and last.segment in self._left:
            del self._left[: self._left.index(last.segment)]
            self._last = last.wording

    @property
    def segment(self) -> str:
        """Being told, or the next; "" at the end."""
        return self._left[0] if self._left else ""

    def next(self, schedule: Schedule) -> Telling | None:
        """None at its end."""
        while self._left:
            if (telling := schedule.following(self._left[0], self._last)) is not None:
                self._last = telling.wording
                return telling
            self.skip()
        return None

    def skip(self) -> None:
        """Go on with the next segment."""
        del self._left[:1]
        self._last = None
