"""What waits to be posted while a request is under way, or while the gateway is away. Sans-I/O.

Bounded: when it is full, the oldest newcomers go first, then the oldest of the rest. What has waited for so long that
nobody expects it any more goes as well.
"""

from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

from streaming.comment import Comment

BOUND: Final = 1000
STALE_S: Final = {"comment": 300.0, "gift": 60.0, "follow": 60.0, "enter": 60.0}
"""By kind: as long as a room lets a question wait, and as long as thanks and welcomes make sense."""


class Waiting:
    def __init__(self, bound: int = BOUND) -> None:
        self._bound = bound
        self._waiting: deque[tuple[float, Comment]] = deque()
        self.let_go: Counter[str] = Counter()
        """By kind."""

    def put(self, comment: Comment, now: float) -> None:
        self._waiting.append((now, comment))
        self._keep_bound()

    def take(self, most: int, now: float) -> list[tuple[float, Comment]]:
        """The oldest, each with when it came; empty when nothing waits."""
        taken: list[tuple[float, Comment]] = []
        while self._waiting and len(taken) < most:
            came, comment = self._waiting.popleft()
            if now - came > STALE_S[comment.kind]:
                self.let_go[comment.kind] += 1
            else:
                taken.append((came, comment))
        return taken

    def put_back(self, taken: Sequence[tuple[float, Comment]]) -> None:
        """What was taken last and could not be posted."""
        self._waiting.extendleft(reversed(taken))
        self._keep_bound()

    def __len__(self) -> int:
        return len(self._waiting)

    def _keep_bound(self) -> None:
        while len(self._waiting) > self._bound:
            oldest = next((k for k, (_, one) in enumerate(self._waiting) if one.kind == "enter"), 0)
            self.let_go[self._waiting[oldest][1].kind] += 1
            del self._waiting[oldest]
