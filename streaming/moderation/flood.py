"""Flooding: the same text, or nearly the same, from many viewers or again and again from one. Sans-I/O.

A text is known by the smallest hashes of its pieces of three characters: texts that share most pieces share some of
these (Broder, On the resemblance and containment of documents, 1997).
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from streaming.moderation.folding import tight
from streaming.moderation.verdict import Verdict

_PIECE: Final = 3
_HASHES: Final = (0, 0x5BD1E995, 0x1B873593, 0x85EBCA6B)
"""What each of the orders of the pieces is seeded with."""
_AGREE: Final = 2
"""Of them, so many agree when texts are nearly the same."""
_CHARACTERS: Final = 400
"""The rest of a text does not count."""


@dataclass(slots=True)
class _Written:
    times: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=64))
    """When, and by whom; the oldest are forgotten."""


class Flood:
    """Counts who writes the same. Bounded: what was written longest ago is forgotten."""

    def __init__(
        self, *, viewers: int = 5, times: int = 4, within_s: float = 60.0, letters: int = 10, texts: int = 4096
    ) -> None:
        """``viewers`` within ``within_s`` who write the same are a flood, and so is one who writes it ``times`` times.

        Texts with fewer than ``letters`` letters are what everybody writes: a greeting, a guess, applause. So many
        ``texts`` that differ are remembered.
        """
        self._viewers = viewers
        self._times = times
        self._within_s = within_s
        self._letters = letters
        self._texts = texts
        self._written: OrderedDict[tuple[int, int], _Written] = OrderedDict()

    def __len__(self) -> int:
        return len(self._written)

    def seen(self, text: str, viewer: str, now: float) -> Verdict | None:
        """Told what a viewer wrote at ``now`` (s, of any clock that runs on): a verdict when it is a flood."""
        bare = _letters(text)
        if len(bare) < self._letters:
            return None
        many = again = 0
        for key in enumerate(_hashes(bare)):
            written = self._written.setdefault(key, _Written())
            self._written.move_to_end(key)
            while written.times and written.times[0][0] <= now - self._within_s:
                written.times.popleft()
            written.times.append((now, viewer))
            many += len({who for _, who in written.times}) >= self._viewers
            again += sum(who == viewer for _, who in written.times) >= self._times
        while len(self._written) > self._texts * len(_HASHES):
            self._written.popitem(last=False)
        if max(many, again) < _AGREE:
            return None
        return Verdict("spam", "flood" if many >= _AGREE else "again", "low", (0, len(text)), text)


def _letters(text: str) -> str:
    """Without digits, which floods count up."""
    return "".join(one for one in tight(text).text[:_CHARACTERS] if not one.isdigit())


def _hashes(bare: str) -> list[int]:
    pieces = {bare[at : at + _PIECE].encode("utf-8", "surrogatepass") for at in range(len(bare) - _PIECE + 1)}
    return [min(crc32(piece, seed) for piece in pieces) for seed in _HASHES]
