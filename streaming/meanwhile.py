"""What the host says while an answer is thought of: they have heard, and later, it takes a moment more. Sans-I/O."""

import random
from collections.abc import Iterator, Sequence
from typing import Final

from streaming.programme.turns import shuffled
from streaming.questions import Question
from streaming.roomfile import Host

ACKNOWLEDGE_S: Final = 0.6
ACKNOWLEDGE_SPOKEN_S: Final = 0.3
"""An answer that has not begun after so long is acknowledged, so that the asker knows they were heard. Who spoke has
waited for a second already: at once, unless the answer before was there so soon."""
VOICE_S: Final = 0.25
"""From a sentence to its first sound, before that was measured."""
REASSURE_S: Final = 7.0
"""Every so long after that the host says that it takes a moment more,"""
WITHIN_S: Final = 4.0
"""and after so much silence within an answer whose rest is still thought of."""
REASSURANCES: Final = 3
"""At most."""


class Meanwhile:
    """Of the answer that is on air."""

    def __init__(self, now: float) -> None:
        self.filler: str | None = None
        """The utterance on air, or on its way there, that comes before the answer."""
        self._filled = 0
        """How many were heard for this question."""
        self._fill_at = self._begun_at = now
        self._thought_s = ACKNOWLEDGE_S
        """How long the answer before took until its first sentence was there,"""
        self._voice_s = VOICE_S
        """and how long the voice takes from there to the first sound."""
        self._sentence_at: float | None = None
        """When the first sentence of this one was there; None before, and once it is heard."""
        self._unvoiced = 0
        """Sentences of the answer that the voice has still to make."""
        self._silent_from = now
        """When what has been made of it will have been said."""
        self._lines: dict[tuple[str, ...], Iterator[str]] = {}
        """Each set of lines that say the same, in changing order."""

    def begins(self, question: Question, now: float) -> None:
        """A question comes on air."""
        self._begun_at, self._fill_at, self._sentence_at = now, now + self._patience_s(question), None
        self._filled = self._unvoiced = 0

    def _patience_s(self, question: Question) -> float:
        """Before it is acknowledged."""
        if question.kind != "spoken":
            return ACKNOWLEDGE_S
        return ACKNOWLEDGE_SPOKEN_S if self._thought_s + self._voice_s < ACKNOWLEDGE_SPOKEN_S else 0.0

    def first_sentence(self, now: float) -> None:
        """Of the answer: it is there."""
        self._thought_s, self._sentence_at = now - self._begun_at, now

    def heard(self, now: float) -> None:
        """The answer sounds."""
        if self._sentence_at is not None and not self._filled:  # else it had to wait for what was said before it
            self._voice_s = now - self._sentence_at
        self._sentence_at = None

    def spoken(self) -> None:
        """A sentence of the answer is given to the voice."""
        self._unvoiced += 1

    def voiced(self) -> None:
        """The voice has made one, or cannot."""
        self._unvoiced -= 1

    def sounds_until(self, at: float) -> None:
        """What has been made of the answer will have been said then."""
        self._silent_from = at

    def started(self) -> None:
        """The filler is heard."""
        self._filled += 1

    def ended(self, now: float) -> None:
        """It has been said."""
        self.filler, self._fill_at = None, now + REASSURE_S

    def lost(self) -> None:
        """The voice has nothing to make any more."""
        self._unvoiced = 0

    def line(self, question: Question, host: Host, now: float, *, speaking: bool) -> str:
        """What is to be said now to cover the thinking, also within an answer; "" for nothing.

        ``speaking``: something else is on air.
        """
        if question.written or self.filler or now < self._fill_at or self._filled > REASSURANCES:
            return ""
        if question.sentences and (self._unvoiced or now < self._silent_from + WITHIN_S):
            return ""
        if speaking and not question.sentences:
            return ""
        late = self._filled or question.sentences
        lines = (host.reassurances if late else host.acknowledgements).get(question.language, [])
        self._fill_at = now + REASSURE_S
        if question.sentences or not lines:
            self._filled += 1
        return self.one_of(lines) if lines else ""

    def one_of(self, lines: Sequence[str]) -> str:
        """The next of lines that say the same."""
        known = tuple(lines)
        if known not in self._lines:
            self._lines[known] = shuffled(known, random.Random())  # noqa: S311
        return next(self._lines[known])
