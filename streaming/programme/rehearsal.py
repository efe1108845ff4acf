"""The programme gone through without a host: what would be said when, hours in a moment."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

from avatar.voice import marks
from streaming.hearing.transcript import Language
from streaming.programme.programme import Programme
from streaming.programme.rundown import Rundown

_STEP_S: Final = 0.5
_DULL_S: Final = 60.0
"""A silence that bores."""
_PER_SECOND: Final[dict[Language, float]] = {"zh": 4.6, "en": 15.0}
"""Characters a voice says."""


@dataclass(frozen=True, slots=True)
class Said:
    begin: float
    end: float
    """Unix time, s."""
    segment: str
    text: str
    music: bool = False

    @property
    def seconds(self) -> float:
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Rehearsal:
    said: Sequence[Said]
    hours: float

    @property
    def speaking(self) -> float:
        """Share of the time."""
        return sum(one.seconds for one in self.said if not one.music) / (3600 * self.hours)

    @property
    def music(self) -> Sequence[Said]:
        """Pieces that were played."""
        return [one for one in self.said if one.music]

    @property
    def silence(self) -> tuple[float, float]:
        """The longest, music being none: seconds, and when it began."""
        ends = [one.end for one in self.said]
        begins = [one.begin for one in self.said[1:]]
        return max(
            ((begin - end, end) for end, begin in zip(ends, begins, strict=False)), default=(3600 * self.hours, 0.0)
        )

    @property
    def again(self) -> list[tuple[str, int]]:
        """Sentences that were said more than once, most often first."""
        sentences = Counter(one.text for one in self.said if not one.music)
        return [(text, n) for text, n in sentences.most_common() if n > 1]


def rehearse(
    rundown: Rundown,
    language: Language,
    topics: Mapping[str, Iterable[tuple[str, Sequence[str]]]],
    begin: float,
    hours: float,
    random: Random,
    storyline: str = "",
    lengths: Mapping[Path, float] | None = None,
) -> Rehearsal:
    """``topics``: of each segment with documents, their passages: what each is about, and its sentences.

    ``begin``: Unix time, s. ``storyline``: the one that is chosen then. ``lengths``: of each piece of music, s.
    """
    programme = Programme(rundown, language, random)
    for name, passages in topics.items():
        programme.learn(name, passages)
    if storyline:
        programme.follow(storyline)
    said: list[Said] = []
    now = begin
    while now < begin + 3600 * hours:
        line = programme.line(now)
        if line is None:
            now += _STEP_S
            continue
        text = marks.plain(line.name)
        end = now + (len(text) / _PER_SECOND[language] if line.music is None else (lengths or {})[line.music])
        aired = programme.ended(end)
        if text and aired is not None:
            said.append(Said(now, end, aired.segment, text, line.music is not None))
        now = end
    return Rehearsal(said, hours)


def told(rehearsal: Rehearsal, rundown: Rundown) -> str:
    """For people."""
    rows, segment = [], ""
    for one in rehearsal.said:
        if one.segment != segment:
            segment = one.segment
            rows.append(f"\n{_clock(rundown, one.begin)}  {segment}")
        rows.append(f"          {one.text}" + (f" ({_minutes(one.seconds)})" if one.music else ""))
    seconds, at = rehearsal.silence
    pieces, span_s = rehearsal.music, 3600 * rehearsal.hours
    music = f"{len(pieces)} × music {sum(one.seconds for one in pieces) / span_s:.0%}; " if pieces else ""
    rows.append(
        f"\n{len(rehearsal.said) - len(pieces)} sentences in {rehearsal.hours:g} h; "
        f"speaking {rehearsal.speaking:.0%} of the time; {music}"
        f"longest silence {seconds:.0f} s" + (f", from {_clock(rundown, at)}" if at else "")
    )
    if not any(segment.weight for segment in rundown.segments.values()):
        rows.append("every segment waits for its storyline: --storyline NAME shows one")
    elif seconds > _DULL_S:
        rows.append("the programme has nothing left to say then: give it more segments, or lower repeat_after_minutes")
    if again := rehearsal.again:
        rows.append(f"{len(again)} sentences were said more than once; most often ({again[0][1]} times): {again[0][0]}")
    return "\n".join(rows).lstrip("\n")


def _minutes(seconds: float) -> str:
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"


def _clock(rundown: Rundown, at: float) -> str:
    local: datetime = rundown.local(at)
    return f"{local:%H:%M:%S}"
