"""Many phrases at once in a view: one automaton finds the literals, then parts are put together."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from typing import Final

import ahocorasick

from streaming.moderation.folding import View
from streaming.moderation.lists import Phrase, Rule
from streaming.moderation.sounds import Sound, reading, sounding

_GAP_HAN: Final = 6
_GAP_WORDS: Final = 24
"""Characters between two parts of a phrase."""
_ENDERS: Final = re.compile(r"[。！？!?\n]|\.\s")
"""What parts that follow close upon one another have not between them, but for tricks."""
_MOST: Final = 200
"""Of one phrase in one text."""
_CLOSE: Final = 2
"""Characters between the parts of a phrase, one of which is short and only sounds like it."""
_SHORT: Final = 3
"""Syllables of a part that may be found by its sound when one is as it is meant, or most are typed. With more it may be
whatever is written; with less, the rest of the phrase must be as it is written."""

Hit = tuple[int, int]
"""Begin and end in the view."""


@dataclass(frozen=True, slots=True)
class Match:
    rule: Rule
    begin: int
    end: int
    """In the view."""


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    literals: frozenset[str]
    """Of two characters and more, stars included."""
    characters: frozenset[str]
    """The others: looked for only when the rest of a phrase is there."""

    def among(self, found: Iterable[str]) -> frozenset[str]:
        """Its literals that are."""
        long = self.literals.intersection(found)
        return long | self.characters.intersection(found) if self.characters else long


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    rule: Rule
    phrase: Phrase
    parts: tuple[_Part, ...]
    others: tuple[_Part, ...]
    """Than the one that says most."""


class _Index:
    """Phrases by the literals of the part that says most: most texts have none of these."""

    def __init__(self, phrases: Iterable[tuple[Rule, Phrase]]) -> None:
        self.literals: dict[str, None] = {}
        """That are to be looked for in every text, stars included."""
        self._by_literal: defaultdict[str, list[_Entry]] = defaultdict(list)
        known: dict[tuple[str, ...], _Part] = {}
        for rule, phrase in phrases:
            parts = tuple(known.setdefault(literals, _part(literals)) for literals in phrase.parts)
            telling = max(range(len(parts)), key=lambda at: (min(map(len, phrase.parts[at])), -len(phrase.parts[at])))
            entry = _Entry(rule, phrase, parts, parts[:telling] + parts[telling + 1 :])
            for literal in phrase.parts[telling]:
                self._by_literal[literal].append(entry)
                self.literals[literal] = None
            for part in parts:
                self.literals.update(dict.fromkeys(part.literals))

    def together(self, found: Collection[str], text: str) -> Iterator[_Entry]:
        """Phrases all of whose parts are there. ``text``: as single characters stand in it."""
        characters = frozenset(text) if found else frozenset[str]()
        seen: set[_Entry] = set()
        for telling in found:
            for entry in self._by_literal.get(telling, ()):
                if entry in seen:
                    continue
                seen.add(entry)
                for part in entry.others:
                    if part.literals.isdisjoint(found) and (
                        not part.characters or part.characters.isdisjoint(characters)
                    ):
                        break
                else:
                    yield entry


def _part(literals: tuple[str, ...]) -> _Part:
    long = frozenset(literal for literal in literals if len(literal.rstrip("*")) > 1)
    return _Part(long, frozenset(literals) - long)


def _hits(part: _Part, found: Mapping[str, Iterable[Hit]], text: str) -> list[Hit]:
    hits = {hit for literal in part.among(found) for hit in found[literal]}
    if part.characters:
        hits.update((at, at + 1) for at, one in enumerate(text) if one in part.characters)
    return sorted(hits)


def _chosen(
    entry: _Entry, hits: Sequence[Sequence[Hit]], view: View, original: str, gap: int
) -> Iterator[tuple[Hit, ...]]:
    gaps = [units * gap if units else not entry.phrase.han for units in entry.phrase.gaps]
    for chosen in islice(_chains(hits, gaps, gap, view, original), _MOST):
        if _in_place(entry.phrase, chosen, view):
            yield chosen


def _chains(
    hits: Sequence[Sequence[Hit]], gaps: Sequence[int], near: int, view: View, original: str, after: Hit | None = None
) -> Iterator[tuple[Hit, ...]]:
    """One hit of each, each close behind the one before it."""
    here, rest = hits[0], hits[1:]
    for hit in here[bisect_left(here, (after[1], 0)) :] if after else here:
        if after and hit[0] > after[1] + gaps[-len(hits)]:
            return
        if after and gaps[-len(hits)] <= near and not _same_sentence(view, original, after[1], hit[0]):
            continue
        if rest:
            yield from ((hit, *others) for others in _chains(rest, gaps, near, view, original, hit))
        else:
            yield (hit,)


def _same_sentence(view: View, original: str, end: int, begin: int) -> bool:
    """Parts that touch are, whatever is put between them."""
    if not view.text[end:begin].strip() or not _ENDERS.search(original):
        return True
    return not _ENDERS.search(original, view.spans[end - 1][1], view.spans[begin][0] + 1)


def _in_place(phrase: Phrase, chosen: Sequence[Hit], view: View) -> bool:
    if phrase.begins and chosen[0][0] > 0:
        return False
    return not phrase.ends or chosen[-1][1] == len(view.text)


class Written:
    """Phrases as they are written."""

    def __init__(self, phrases: Iterable[tuple[Rule, Phrase]], *, spaced: bool) -> None:
        """``spaced``: in views of words."""
        self._index = _Index(phrases)
        self._gap = _GAP_WORDS if spaced else _GAP_HAN
        self._spaced = spaced
        self._automaton = ahocorasick.Automaton()
        texts = {literal.rstrip("*") for literal in self._index.literals}
        for text in texts:
            whole, starred = text in self._index.literals, f"{text}*" in self._index.literals
            self._automaton.add_word(
                text,
                (
                    len(text),
                    text[0].isascii(),
                    text[-1].isascii(),
                    text if whole else None,
                    f"{text}*" if starred else None,
                ),
            )
        self._automaton.make_automaton()
        self._empty = not texts

    def matches(self, view: View, original: str, settled: Set[Rule] = frozenset()) -> Iterator[Match]:
        """``settled``: rules of which no match is wanted; it may grow while they are read."""
        if self._empty:
            return
        found: dict[str, list[Hit]] = {}
        bounded = f" {view.text} "
        for last, (length, latin_first, latin_last, whole, starred) in self._automaton.iter(view.text):
            begin, end = last - length + 1, last + 1
            if latin_first and bounded[begin] != " " and self._runs_on(view, begin):
                continue
            if starred:
                found.setdefault(starred, []).append((begin, end))
            if whole and not (latin_last and bounded[end + 1] != " " and self._runs_on(view, end)):
                if whole in found:
                    found[whole].append((begin, end))
                else:
                    found[whole] = [(begin, end)]
        for entry in self._index.together(found, view.text):
            if entry.rule in settled:
                continue
            hits = [_hits(part, found, view.text) for part in entry.parts]
            for chosen in _chosen(entry, hits, view, original, self._gap):
                if not any(end == begin + 1 and self._cut(view, begin) for begin, end in chosen):
                    yield Match(entry.rule, chosen[0][0], chosen[-1][1])
                    if entry.rule in settled:
                        break

    def _runs_on(self, view: View, at: int) -> bool:
        """Whether the Latin word or the number before goes on there."""
        if not 0 < at < len(view.text):
            return False
        before, here = view.text[at - 1], view.text[at]
        if not (before.isascii() and here.isascii()):
            return False
        if not (before.isalpha() and here.isalpha()) and not (before.isdigit() and here.isdigit()):
            return False
        return self._spaced or view.spans[at - 1][1] >= view.spans[at][0]

    def _cut(self, view: View, at: int) -> bool:
        """Whether a single character is a piece of a Latin word or a number."""
        return view.text[at].isascii() and (self._runs_on(view, at) or self._runs_on(view, at + 1))


class Sounding:
    """Phrases with ideographs by their sound."""

    def __init__(self, phrases: Iterable[tuple[Rule, Phrase]], ordinary: Iterable[str]) -> None:
        """``ordinary``: words that are never meant for others of their sound."""
        self._index = _Index((rule, phrase) for rule, phrase in phrases if phrase.sound is not False)
        same: defaultdict[str, list[str]] = defaultdict(list)
        for literal in self._index.literals:
            same[sounding(literal.rstrip("*"))].append(literal)
        self._automaton = ahocorasick.Automaton()
        for sound, literals in same.items():
            self._automaton.add_word(sound, (len(sound), literals))
        self._automaton.make_automaton()
        self._empty = not same
        self._ordinary: defaultdict[str, list[str]] = defaultdict(list)
        for word in ordinary:
            self._ordinary[word[0]].append(word)

    def matches(self, sound: Sound, original: str, settled: Set[Rule] = frozenset()) -> Iterator[Match]:
        """See :meth:`Written.matches`."""
        if self._empty:
            return
        view, written = sound.view, sound.written
        found: dict[str, list[Hit]] = {}
        otherwise = False
        """Something is not written as it is meant."""
        for last, (length, literals) in self._automaton.iter(view.text):
            begin, end = last - length + 1, last + 1
            here = written[begin:end]
            for literal in literals:
                if here != literal and (literal[-1] != "*" or here != literal[:-1]):
                    if length == 1 and not here.isascii():
                        continue  # one character by its sound is too little
                    otherwise = True
                if literal in found:
                    found[literal].append((begin, end))
                else:
                    found[literal] = [(begin, end)]
        entries = [one for one in self._index.together(found, written) if one.rule not in settled] if otherwise else []
        if not entries:
            return
        needed = {literal for entry in entries for part in entry.parts for literal in part.among(found)}
        meant = {literal: kept for literal in needed if (kept := self._unordinary(literal, found[literal], written))}
        for entry in entries:
            if entry.rule in settled:
                continue
            hits = [_hits(part, meant, written) for part in entry.parts]
            if not all(hits):
                continue
            for chosen in _chosen(entry, hits, view, original, _GAP_HAN):
                if self._is_meant(entry, chosen, sound):
                    yield Match(entry.rule, chosen[0][0], chosen[-1][1])
                    if entry.rule in settled:
                        break

    def _is_meant(self, entry: _Entry, chosen: Sequence[Hit], sound: Sound) -> bool:
        """Whether enough of it is there that it is no accident, and not all of it, which is found as it is written."""
        if all(
            sound.written[begin:end] in part.literals for part, (begin, end) in zip(entry.parts, chosen, strict=True)
        ):
            return False
        length = exact = 0
        short = False
        for part, (begin, end) in zip(entry.parts, chosen, strict=True):
            written = sound.written[begin:end]
            syllables = end - begin
            as_meant, typed = max(
                (_likeness(one, written) for one in self._meant(part, sound.view.text[begin:end])), default=(1, 0)
            )
            length += syllables
            if as_meant == syllables:
                exact += syllables
            elif syllables < _SHORT:
                short = True
                if not entry.phrase.sound and not as_meant and typed < syllables:
                    return False
            elif syllables == _SHORT and not as_meant and typed < _SHORT - 1:
                return False
        if exact == length or entry.phrase.sound:
            return exact < length
        close = chosen[-1][1] - chosen[0][0] - length <= _CLOSE
        return length >= _SHORT and (not short or (exact > 1 and close))

    def _meant(self, part: _Part, heard: str) -> Iterator[str]:
        _, literals = self._automaton.get(heard, (0, ()))
        return (literal.rstrip("*") for literal in literals if literal in part.literals or literal in part.characters)

    def _unordinary(self, literal: str, hits: Sequence[Hit], written: str) -> list[Hit]:
        """Those where what is written is neither, nor in, a word of its own."""
        meant = literal.removesuffix("*")
        return [
            (begin, end)
            for begin, end in hits
            if written[begin:end] == meant or not self._is_ordinary(meant, written, begin, end)
        ]

    def _is_ordinary(self, meant: str, written: str, begin: int, end: int) -> bool:
        return any(
            written.startswith(word, at)
            and any(word[k - at] != meant[k - begin] for k in range(max(at, begin), min(at + len(word), end)))
            for at in range(max(0, begin - 1), end)
            for word in self._ordinary.get(written[at], ())
        )


def _likeness(meant: str, written: str) -> tuple[int, int]:
    """Syllables written as they are meant, and typed ones. In a short text, what is mixed up by ear is not like it."""
    if len(meant) < _SHORT and any(
        one != other and reading(other) not in ("", reading(one)) for one, other in zip(meant, written, strict=True)
    ):
        return 0, 0
    as_meant = typed = 0
    for one, other in zip(meant, written, strict=True):
        as_meant += one == other
        typed += other.isascii() and not one.isascii()
    return as_meant, typed
