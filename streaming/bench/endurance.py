"""What viewers had of a room while it was mistreated: from what was seen, heard and kept to figures. Sans-I/O.

All moments are seconds of one clock that never jumps (time.monotonic()).
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, groupby
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.clock import TICKS_PER_SECOND, VIDEO_CLOCK_RATE
from streaming.bench.mishaps import GATEWAY, UNCOVERED, Ask, How, Kill
from streaming.bench.processes import STAGE
from streaming.bench.viewer import SOUND
from streaming.rtp import ahead

RECOVERY_S: Final = 5.0
"""Until the picture is there again, whatever was killed."""
ON_AIR: Final = 0.995
HOLE_S: Final = 0.2
"""Without a picture: more than a few ticks left out, whether or not the stage shows every tick."""
UNDER_WAY_S: Final = 0.3
"""What is heard so soon after a kill was on its way before it."""
_UNCOVERED: Final = frozenset(chain(*UNCOVERED.values()))
_SAID: Final = ("answered", "refused")
_TRACEBACK: Final = "Traceback (most recent call last)"
_ERROR: Final = re.compile(r"^\d\d:\d\d:\d\d (?:ERROR|CRITICAL) ", re.MULTILINE)
_GAPS: Final = re.compile(r"\s+")

Times = npt.NDArray[np.float64]


@dataclass(slots=True)
class Struck:
    """A kill, and what came of it."""

    kill: Kill
    at: float
    ready_at: float | None = None
    """Another process does its work."""


@dataclass(slots=True)
class Asked:
    ask: Ask
    accepted: bool = False
    question: str = ""
    """The room's id, of an accepted one."""
    code: str = ""
    """Why it was rejected."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A question in the room's database."""

    client_id: str
    outcome: str | None
    took_s: float
    """From the question to the outcome."""


@dataclass(frozen=True, slots=True)
class Caption:
    utterance: str
    text: str
    at: float
    seconds: float


@dataclass(slots=True)
class Flow:
    """Pictures of one connection: when each arrived, and its RTP timestamp."""

    arrived: list[float] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)

    def shown(self) -> list[float]:
        """When each was due at the viewer, by its timestamp and the fastest of them."""
        if not self.arrived:
            return []
        steps = map(ahead, self.timestamps[1:], self.timestamps)
        since = [step / VIDEO_CLOCK_RATE for step in accumulate(steps, initial=0)]
        begin = min(at - after for at, after in zip(self.arrived, since, strict=True))
        return sorted({begin + after for after in since})


@dataclass(slots=True)
class Diary:
    """All that was noted."""

    begun: float = 0.0
    ended: float = 0.0
    struck: list[Struck] = field(default_factory=list)
    missed: list[Kill] = field(default_factory=list)
    """What was to be killed and was not there."""
    flows: list[Flow] = field(default_factory=list)
    sounds: list[tuple[float, float]] = field(default_factory=list)
    """(when it came, RMS of 20 ms)"""
    captions: list[Caption] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    """Questions whose answer began to be spoken, by the room's id, each time;"""
    finished: list[str] = field(default_factory=list)
    """and whose answer was spoken to its end."""
    kept: list[Kept] = field(default_factory=list)
    log: str = ""
    deaths: int = 0
    """Of the gateway that nobody wanted."""
    left_over: list[str] = field(default_factory=list)
    """Processes that outlived their gateway."""
    memory: tuple[Mapping[str, float], Mapping[str, float]] = field(default_factory=lambda: ({}, {}))
    """MB of each process, at the beginning and in the end."""


@dataclass(frozen=True, slots=True)
class Questions:
    asked: int
    accepted: int
    rejected: dict[str, int]
    """By code."""
    unheard: int
    """Neither: the gateway died over them."""
    outcomes: dict[str, int]
    """Of those accepted."""
    lost: int
    """Accepted, and without an outcome in the end."""
    doubled: int
    """Accepted more than once."""
    unspoken: int
    """Answered or refused, and no word of it said while a viewer was there."""
    guessed: int
    """Answered, though no document covers it."""
    begun_again: int
    """Answers broken off by a kill, and spoken anew;"""
    said_twice: int
    """and those that had been spoken to their end before."""
    took_s: float | None
    """From question to outcome, median,"""
    longest_s: float | None
    """and at most."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """After one kill, seconds; None: not before the end."""

    target: str
    how: How
    at: float
    """From the beginning."""
    picture_s: float | None
    """Until pictures flow at the viewer,"""
    heard_s: float | None
    """anything is heard,"""
    ready_s: float | None
    """and another process does its work."""


@dataclass(frozen=True, slots=True)
class OnAir:
    seconds: float
    """Share of seconds in which pictures were shown,"""
    pictures: float
    """and of pictures."""


@dataclass(frozen=True, slots=True)
class Longest:
    seconds: float
    at: float
    """From the beginning."""


@dataclass(frozen=True, slots=True)
class Report:
    machine: str
    room: str
    minutes: float
    seed: int
    questions: Questions
    recoveries: tuple[Recovery, ...]
    missed: tuple[Kill, ...]
    on_air: OnAir
    without_gateway: OnAir
    """The same, the time from each kill of the gateway to its pictures left out."""
    hole: Longest
    """Without a picture,"""
    silence: Longest
    """and without a word."""
    lines: dict[str, int]
    """Said around mishaps and questions, by what they are for."""
    deaths: int
    tracebacks: int
    errors: int
    left_over: tuple[str, ...]
    memory_mb: tuple[dict[str, float], dict[str, float]]
    short: tuple[str, ...]
    """Where it falls short of the goals."""


def reported(
    diary: Diary, lines: Mapping[str, Sequence[str]], *, machine: str, room: str, minutes: float, seed: int
) -> Report:
    """``lines``: what hosts say around mishaps, by what it is for."""
    shown = np.array(sorted(at for flow in diary.flows for at in flow.shown()), np.float64)
    recoveries = tuple(_recovery(diary, shown, struck) for struck in diary.struck)
    questions = _questions(diary)
    restarts = [(r.at, r.at + (minutes * 60 if r.picture_s is None else r.picture_s)) for r in recoveries
                if r.target == GATEWAY]  # fmt: skip
    on_air = _on_air(shown - diary.begun, diary.ended - diary.begun, [])
    tracebacks = diary.log.count(_TRACEBACK)
    before, after = diary.memory
    return Report(
        machine=machine,
        room=room,
        minutes=minutes,
        seed=seed,
        questions=questions,
        recoveries=recoveries,
        missed=tuple(diary.missed),
        on_air=on_air,
        without_gateway=_on_air(shown - diary.begun, diary.ended - diary.begun, restarts),
        hole=_longest([(at, at) for at in shown.tolist()], diary),
        silence=_longest(_spoken(diary), diary),
        lines=_said(diary.captions, lines),
        deaths=diary.deaths,
        tracebacks=tracebacks,
        errors=len(_ERROR.findall(diary.log)),
        left_over=tuple(diary.left_over),
        memory_mb=(dict(before), dict(after)),
        short=tuple(_short(questions, recoveries, on_air, diary, tracebacks)),
    )


def _short(
    questions: Questions, recoveries: Iterable[Recovery], on_air: OnAir, diary: Diary, tracebacks: int
) -> Iterable[str]:
    if questions.lost:
        yield f"{questions.lost} accepted questions without an outcome"
    if questions.doubled:
        yield f"{questions.doubled} questions accepted more than once"
    if questions.said_twice:
        yield f"{questions.said_twice} answers said twice"
    for one in recoveries:
        if one.picture_s is None or one.picture_s > RECOVERY_S:
            yield f"{one.target} {one.how}: the picture was back after {_shown(one.picture_s).strip()}"
    if on_air.seconds < ON_AIR:
        yield f"on air {100 * on_air.seconds:.2f} % of the time, not {100 * ON_AIR:g} %"
    if diary.deaths:
        yield f"the gateway died {diary.deaths} times by itself"
    if tracebacks:
        yield f"{tracebacks} tracebacks in the gateway's log"
    if diary.left_over:
        yield f"processes left over: {', '.join(diary.left_over)}"


def _questions(diary: Diary) -> Questions:
    accepted = [one for one in diary.asked if one.accepted]
    kept: dict[str, list[Kept]] = {}
    for row in diary.kept:
        kept.setdefault(row.client_id, []).append(row)
    started, finished = Counter(diary.started), Counter(diary.finished)
    outcomes = Counter[str]()
    lost = unspoken = guessed = 0
    for one in accepted:
        outcome = next((row.outcome for row in kept.get(one.ask.id, ()) if row.outcome), None)
        if outcome is None:
            lost += 1
        else:
            outcomes[outcome] += 1
            unspoken += outcome in _SAID and one.question not in started
            guessed += outcome == "answered" and one.ask.text in _UNCOVERED
    took = [row.took_s for rows in kept.values() for row in rows if row.outcome]
    return Questions(
        asked=len(diary.asked),
        accepted=len(accepted),
        rejected=dict(Counter(one.code for one in diary.asked if one.code)),
        unheard=sum(not (one.accepted or one.code) for one in diary.asked),
        outcomes=dict(outcomes),
        lost=lost,
        doubled=sum(len(rows) > 1 for rows in kept.values()),
        unspoken=unspoken,
        guessed=guessed,
        begun_again=sum(n > 1 for n in started.values()),
        said_twice=sum(n > 1 for n in finished.values()),
        took_s=median(took) if took else None,
        longest_s=max(took, default=None),
    )


def _recovery(diary: Diary, shown: Times, struck: Struck) -> Recovery:
    at = struck.at
    heard = next((when for when, level in diary.sounds if when > at + UNDER_WAY_S and level > SOUND), None)
    return Recovery(
        struck.kill.target,
        struck.kill.how,
        at - diary.begun,
        _flows_again(shown, at),
        None if heard is None else heard - at,
        None if struck.ready_at is None else struck.ready_at - at,
    )


def _flows_again(shown: Times, at: float) -> float | None:
    """Seconds after ``at`` until the first picture from which on they come for a second without a hole."""
    begins = np.concatenate([[at], shown[shown > at]])
    after = np.searchsorted(begins, begins + 1)  # the first picture that comes later than a second
    holes = np.concatenate([[0], np.cumsum(np.diff(begins) > HOLE_S)])  # until each picture
    steady = np.flatnonzero(holes == np.append(holes, -1)[after])
    return float(begins[steady[0]] - at) if len(steady) else None


def _on_air(shown: Times, seconds: float, left_out: Sequence[tuple[float, float]]) -> OnAir:
    """``shown`` and ``left_out`` in seconds from the beginning."""
    shown = np.unique(shown[(shown >= 0) & (shown < seconds)])
    counted = np.ones(max(1, int(seconds)), bool)
    for begin, end in left_out:
        counted[int(begin) : int(end) + 1] = False
        shown = shown[(shown < int(begin)) | (shown >= int(end) + 1)]
    shown = shown[shown < len(counted)]
    if not counted.any():
        return OnAir(0.0, 0.0)
    with_pictures = np.zeros(len(counted), bool)
    with_pictures[shown.astype(np.int64)] = True
    due = int(counted.sum())
    return OnAir(float((with_pictures & counted).sum() / due), min(1.0, len(shown) / (due * TICKS_PER_SECOND)))


def _spoken(diary: Diary) -> list[tuple[float, float]]:
    """When something was being said. What a kill of the stage or the gateway broke off ended there."""
    breaks = [struck.at for struck in diary.struck if struck.kill.target in (STAGE, GATEWAY)]
    spans = [(caption.at, caption.at + caption.seconds) for caption in diary.captions]
    return [(begin, min([end, *(at for at in breaks if begin < at < end)])) for begin, end in spans]


def _longest(spans: Sequence[tuple[float, float]], diary: Diary) -> Longest:
    """The longest time in none of them."""
    longest, until = Longest(0.0, 0.0), diary.begun
    for begin, end in [*sorted(spans), (diary.ended, diary.ended)]:
        begin = min(begin, diary.ended)
        if begin - until > longest.seconds:
            longest = Longest(begin - until, until - diary.begun)
        until = max(until, end)
    return longest


def _said(captions: Sequence[Caption], lines: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How often a line of each kind was said, in one caption or several."""
    whole = [
        _bare("".join(caption.text for caption in together))
        for _, together in groupby(captions, lambda caption: caption.utterance)
    ]
    return {what: sum(text in set(map(_bare, texts)) for text in whole) for what, texts in lines.items()}


def _bare(text: str) -> str:
    return _GAPS.sub("", text)


def table(report: Report) -> str:
    questions, (before, after) = report.questions, report.memory_mb
    rows = [
        f"{report.minutes:g} minutes of {report.room}, seed {report.seed}; {report.machine}",
        f"questions        {questions.asked} asked, {questions.accepted} accepted, rejected: "
        f"{_counted(questions.rejected)}; the gateway died over {questions.unheard}",
        f"                 {_counted(questions.outcomes)}; {questions.lost} lost (must be 0), "
        f"{questions.doubled} accepted twice (0)",
        f"                 {questions.unspoken} answers never spoken, {questions.guessed} to what no document covers, "
        f"{questions.begun_again} begun again, {questions.said_twice} said twice (0)",
        f"                 from question to outcome {_shown(questions.took_s).strip()}, at most "
        f"{_shown(questions.longest_s).strip()}",
        f"{'':34}{'at':>6}{'picture':>10}{'heard':>10}{'ready':>10}",
    ]
    rows += [
        f"{_named(one):34}{_clock(one.at)}" + "".join(map(_shown, (one.picture_s, one.heard_s, one.ready_s)))
        for one in report.recoveries
    ]
    rows += [f"{_named(kill):34} was not there to be" for kill in report.missed]
    rows += [
        f"on air           {_air(report.on_air)} (must be {100 * ON_AIR:g} %); but for the gateway's restarts "
        f"{_air(report.without_gateway)}",
        f"longest hole     {report.hole.seconds:.1f} s without a picture, at {_clock(report.hole.at).strip()}",
        f"longest silence  {report.silence.seconds:.1f} s, at {_clock(report.silence.at).strip()}",
        f"said meanwhile   {_counted(report.lines)}",
        f"gateway          {report.deaths} deaths of its own, {report.tracebacks} tracebacks, {report.errors} errors",
        f"left over        {', '.join(report.left_over) or 'no process'}",
        f"memory           {sum(before.values()):.0f} MB, in the end {sum(after.values()):.0f}; the gateway "
        f"{before.get(GATEWAY, 0):.0f}, in the end {after.get(GATEWAY, 0):.0f}",
        *(f"falls short:     {one}" for one in report.short),
    ]
    return "\n".join(rows)


def _named(kill: Kill | Recovery) -> str:
    return f"{kill.target} {kill.how}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{what} {n}" for what, n in counts.items()) or "none"


def _air(share: OnAir) -> str:
    return f"{100 * share.seconds:.2f} % of seconds, {100 * share.pictures:.2f} % of pictures"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:3d}:{int(seconds) % 60:02d}"


def _shown(seconds: float | None) -> str:
    return f"{'never':>10}" if seconds is None else f"{seconds:8.1f} s"
