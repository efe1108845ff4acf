"""A text in, a verdict out: views of the text, phrases and patterns in them, and the gravest of what was found."""

import itertools
import re
from collections.abc import Iterable, Iterator, Set
from functools import cached_property
from typing import Final

from streaming.hearing.transcript import Language
from streaming.moderation import folding
from streaming.moderation.folding import View
from streaming.moderation.lists import Lists, Phrase, Rule, standard
from streaming.moderation.matching import Match, Sounding, Written
from streaming.moderation.patterns import Patterns
from streaming.moderation.sounds import by_sound
from streaming.moderation.verdict import SEVERITIES, WHATS, Guise, Verdict, What

_HAN: Final = re.compile("[\u3400-\u9fff]")
_LATIN: Final = re.compile("[a-z]")
_NEAR_HAN: Final = 24
_NEAR_WORDS: Final = 80
"""Characters before and behind a match that may excuse it."""
_BROKEN: Final = re.compile(r"[\u3400-\u9fff][^\w，。！？、：；“”‘’（）《》…\n]+[\u3400-\u9fff]")
"""Something is put between ideographs that no sentence has there."""
_GRAVEST: Final = SEVERITIES[-1]
_OURS: Final[tuple[What, ...]] = ("answer", "card")
_FROM_DOCUMENTS: Final = frozenset({"spam.landline", "spam.repetition"})
"""Found in what a room itself says, these are from its documents: an office's telephone, a table."""


class Moderator:
    """For texts of one room, or of all. Makes no promise about threads."""

    def __init__(self, lists: Lists | None = None) -> None:
        """``lists``: by default those that come with everhost."""
        self._lists = lists = standard() if lists is None else lists
        self._rules = [rule for rule in lists.rules if not lists.off & {rule.category, rule.name}]
        phrases = [(rule, phrase) for rule in self._rules for phrase in rule.phrases]
        self._tight = Written(((rule, phrase) for rule, phrase in phrases if phrase.han), spaced=False)
        self._words = Written(((rule, phrase) for rule, phrase in phrases if not phrase.han), spaced=True)
        self._alternates = folding.Alternates(lists.alike)
        self._patterns = Patterns(lists.domains, lists.numbers)
        self._allows = lists.allows()
        self._has_own = any(rule.own for rule in self._rules)
        self._of_others = {what: frozenset(rule for rule in self._rules if what not in rule.what) for what in WHATS}
        self._no_graver = {
            weight: frozenset(rule for rule in self._rules if _weight(rule) <= weight)
            for weight in itertools.product((False, True), range(len(SEVERITIES)))
        }

    @cached_property
    def _sounding(self) -> Sounding:
        phrases: list[tuple[Rule, Phrase]] = [
            (rule, phrase) for rule in self._rules for phrase in rule.phrases if phrase.han
        ]
        return Sounding(phrases, self._lists.ordinary)

    def load(self) -> None:
        """Read what the first texts would have to wait for: tables of scripts and sounds, 0.5 s."""
        self.check("准备好了 ready", what="question")

    def check(self, text: str, language: Language | None = None, what: What = "question") -> Verdict | None:
        """The gravest of what is not to be said, before all what the room has added; None: nothing was found.

        ``language``: what the text is known to be in. Both languages' lists are looked through all the same, but a
        text known to be English is not read as pinyin.
        """
        if what not in WHATS:
            raise ValueError(f"what is one of {', '.join(WHATS)}, not {what!r}")
        worst: Verdict | None = None
        settled = set(self._of_others[what])
        for verdict in self._found(text, language, what, settled):
            if worst is None or _weight(verdict) > _weight(worst):
                worst = verdict
                settled |= self._no_graver[_weight(worst)]
                if worst.own or (worst.severity == _GRAVEST and not self._has_own):
                    break
        return worst

    def _found(self, text: str, language: Language | None, what: What, settled: Set[Rule]) -> Iterator[Verdict]:
        """The cheap before the dear, and what is certain before what only sounds like something. ``settled``: rules
        that are not looked for; it grows with what is found.
        """
        light, tight = folding.light(text), folding.tight(text)
        if not tight.text and not light.text:
            return
        has_han, has_latin = _HAN.search(tight.text) is not None, _LATIN.search(tight.text) is not None
        if has_han:
            yield from self._matched(self._tight, tight, text, settled, _NEAR_HAN)
        if has_latin:
            yield from self._matched(self._words, folding.words(text), text, settled, _NEAR_WORDS)
        yield from self._patterned(light, text, what)
        meant = self._alternates.read(light)
        if meant is not None:
            meant_tight = meant.tight()
            yield from self._matched(self._tight, meant_tight, text, settled, _NEAR_HAN, "disguised")
            if has_latin:
                yield from self._matched(self._words, meant.words(), text, settled, _NEAR_WORDS, "disguised")
            yield from self._patterned(meant, text, what)
            light, tight = meant, meant_tight
        if has_latin and folding.disguised(light.text):
            for view in folding.undisguised(light):
                yield from self._matched(self._words, view, text, settled, _NEAR_WORDS, "disguised")
        if has_han and (fewer := folding.once(tight)) is not None:
            yield from self._matched(self._tight, fewer, text, settled, _NEAR_HAN, "disguised")
        sound = by_sound(light, tight, typed=has_latin and language != "en")
        if sound is not None:
            written = View(sound.written, lambda: sound.view.spans)
            matches = self._sounding.matches(sound, text, settled)
            yield from self._verdicts(matches, written, text, _NEAR_HAN, "sounding")

    def _matched(
        self, matcher: Written, view: View, text: str, settled: Set[Rule], near: int, guise: Guise = "plain"
    ) -> Iterator[Verdict]:
        return self._verdicts(matcher.matches(view, text, settled), view, text, near, guise)

    def _verdicts(self, matches: Iterable[Match], view: View, text: str, near: int, guise: Guise) -> Iterator[Verdict]:
        for match in matches:
            rule = match.rule
            if self._is_excused(match, view, near):
                continue
            span = view.span(match.begin, match.end)
            matched = text[slice(*span)]
            seen: Guise = "disguised" if guise == "plain" and _BROKEN.search(matched) else guise
            yield Verdict(rule.category, rule.id, rule.severity, span, matched, rule.own, seen)

    def _is_excused(self, match: Match, view: View, near: int) -> bool:
        begin, end = match.begin, match.end
        around = max(0, begin - near), end + near
        if match.rule.unless and match.rule.unless.search(view.text, *around):
            return True
        return self._allows is not None and any(
            one.start() <= begin and end <= one.end() for one in self._allows.finditer(view.text, *around)
        )

    def _patterned(self, view: View, text: str, what: What) -> Iterator[Verdict]:
        for found in self._patterns.find(view.text):
            rule = f"{found.category}.{found.rule}"
            if self._lists.off & {found.category, rule} or (what in _OURS and rule in _FROM_DOCUMENTS):
                continue
            span = view.span(found.begin, found.end)
            yield Verdict(found.category, found.rule, found.severity, span, text[slice(*span)])


def _weight(one: Rule | Verdict) -> tuple[bool, int]:
    return one.own, SEVERITIES.index(one.severity)
