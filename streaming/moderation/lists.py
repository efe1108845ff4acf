"""The lists: what is looked for, as data. YAML files that come with everhost, and what a room adds and removes.

A file has ``sets`` of words, named in phrases as ``{name}``; ``alike``, from what is written in a word's place to the
word; ``ordinary``, words that only sound like others; ``allow``, what a phrase may stand in by chance; ``allowed``
domains and numbers; and ``rules``, by category and id. A rule has ``phrases`` and, where these are no matter,
``unless``; each is a list, or one text with a semicolon or a line end between them. In a phrase:

- ``(a|b|)`` is one of these;
- ``…`` is up to a few characters within a sentence, ``……`` up to twice as many; ``&`` is ``…`` in either order;
- ``^`` and ``$``, at its ends, are the ends of the text;
- ``*`` after a Latin word is any ending;
- ``~`` before it: also found by its sound when it has two syllables; ``=``: never by its sound.
"""

import difflib
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, TypeVar

import yaml

from streaming.errors import EverhostError
from streaming.moderation.folding import fold
from streaming.moderation.verdict import CATEGORIES, MEANING, SEVERITIES, WHATS, Category, Severity, What

_MOST: Final = 3000
"""Literals that a part of a phrase may stand for."""
_TOGETHER: Final = 64
"""Literals that touching choices are multiplied out to."""
_KEYS: Final = frozenset({"phrases", "unless", "severity", "what", "sound"})
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")
_GAP: Final = re.compile(r"\s*(…{1,3}|&{1,3})\s*")
_BREAK: Final = re.compile("[\n;；]")
_TOKEN: Final = re.compile(r"\{([^{}]*)\}|([(|)])|([^{}(|)]+)")
_SIGN: Final = re.compile("[{}()|]")
_HAN: Final = re.compile("[\u3400-\u9fff]")

_T = TypeVar("_T")


class ListsError(EverhostError):
    """A list is wrong: says where, and what would be right."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Parts that follow one another, each one of several literals."""

    source: str
    """As it is written in the lists."""
    parts: tuple[tuple[str, ...], ...]
    """Folded. Those of a phrase with ideographs are letters and digits alone; in others, words have a blank between."""
    gaps: tuple[int, ...]
    """What is between them at most, in units of a few characters."""
    han: bool
    begins: bool = False
    ends: bool = False
    """It is found at the text's beginning, or end, only."""
    sound: bool | None = None
    """By its sound: always, never, or where it is long enough."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    category: Category
    id: str
    severity: Severity
    what: frozenset[What]
    phrases: tuple[Phrase, ...]
    unless: re.Pattern[str] | None = None
    """Found close by, and it is no matter."""
    own: bool = False
    """The room's."""

    @property
    def name(self) -> str:
        return f"{self.category}.{self.id}"


@dataclass(frozen=True, slots=True)
class Lists:
    rules: tuple[Rule, ...]
    sets: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    alike: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    ordinary: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    """These, and what is under them, may be named;"""
    numbers: frozenset[str] = frozenset()
    """so may these numbers,"""
    allow: tuple[str, ...] = ()
    """and what stands in one of these is never a matter."""
    off: frozenset[str] = frozenset()
    """Rules, and categories, that a room has removed, those of patterns included."""

    def allows(self) -> re.Pattern[str] | None:
        return _context(self.allow, self.sets, "allow")


@cache
def standard() -> Lists:
    """Those that come with everhost."""
    folder = files("streaming.moderation").joinpath("lists")
    lists = read({name: folder.joinpath(name).read_text("utf-8") for name in ("zh.yaml", "en.yaml")})
    words = folder.joinpath("ordinary.txt").read_text("utf-8").partition("\n")[2]
    return replace(lists, ordinary=lists.ordinary | set(words.split()))


def read(texts: Mapping[str, str]) -> Lists:
    """Of several YAML files, by name. Raises :class:`ListsError`."""
    parsed = {name: _mapping(_yaml(text, name), name) for name, text in texts.items()}
    for name, data in parsed.items():
        _known(data, ("sets", "alike", "ordinary", "allow", "allowed", "rules"), name)
    sets: dict[str, tuple[str, ...]] = {}
    for name, data in parsed.items():
        for key, words in _mapping(data.get("sets", {}), f"{name}: sets").items():
            sets[key] = (*sets.get(key, ()), *_strings(words, f"{name}: sets.{key}"))
    sets = {key: tuple(_expanded_all(words, sets, f"sets.{key}")) for key, words in sets.items()}
    rules: dict[str, Rule] = {}
    alike: dict[str, str] = {}
    ordinary: set[str] = set()
    domains: set[str] = set()
    numbers: set[str] = set()
    allow: list[str] = []
    for name, data in parsed.items():
        alike |= {str(a): str(b) for a, b in _mapping(data.get("alike", {}), f"{name}: alike").items()}
        ordinary |= {
            fold(word) for text in _strings(data.get("ordinary", []), f"{name}: ordinary") for word in text.split()
        }
        allow += _strings(data.get("allow", []), f"{name}: allow")
        allowed = _mapping(data.get("allowed", {}), f"{name}: allowed")
        _known(allowed, ("domains", "numbers"), f"{name}: allowed")
        domains |= set(_strings(allowed.get("domains", []), f"{name}: allowed.domains"))
        numbers |= set(_strings(allowed.get("numbers", []), f"{name}: allowed.numbers"))
        for rule in _rules(data.get("rules", {}), sets, f"{name}: rules"):
            rules[rule.name] = _joined(rules[rule.name], rule) if rule.name in rules else rule
    return Lists(
        tuple(rules.values()),
        MappingProxyType(sets),
        MappingProxyType(alike),
        frozenset(ordinary),
        frozenset(domains),
        frozenset(numbers),
        tuple(allow),
    )


def merged(lists: Lists, add: Mapping[str, Any] | None = None, remove: Sequence[str] = ()) -> Lists:
    """``lists`` with what a room adds and without what it removes. Raises :class:`ListsError`.

    ``add`` has a category's rules, each a rule or a list of phrases, and ``allow``, ``domains`` and ``numbers``, lists
    of what is never a matter. ``remove`` names a category, a rule as category.rule, or one of its phrases as
    category.rule: phrase.
    """
    add = dict(_mapping(add or {}, "add"))
    allowed = {key: _strings(add.pop(key, []), f"add.{key}") for key in ("allow", "domains", "numbers")}
    _context(allowed["allow"], lists.sets, "add.allow")
    rules = {rule.name: rule for rule in lists.rules}
    off = set(lists.off)
    for text in _strings(remove, "remove"):
        off |= _without(text, rules)
    own = [replace(rule, own=True) for rule in _rules(add, lists.sets, "add")]
    off -= {rule.name for rule in own}
    return replace(
        lists,
        rules=(*own, *rules.values()),
        domains=lists.domains | {domain.lower().strip(".") for domain in allowed["domains"]},
        numbers=lists.numbers | {re.sub(r"\D", "", number) for number in allowed["numbers"]},
        allow=(*lists.allow, *allowed["allow"]),
        off=frozenset(off),
    )


PATTERNED: Final = (
    "spam.phone", "spam.landline", "spam.link", "spam.email", "spam.account", "spam.repetition",
    "personal.phone", "personal.id-number", "personal.bank-card", "personal.address",
)  # fmt: skip
"""Rules that are no lists; see ``patterns.py``."""
_MEANT: Final = tuple(f"{category}.{MEANING}" for category in CATEGORIES)
"""Nor are these; see ``meaning.py``."""


def rule_names(lists: Lists) -> list[str]:
    """As category.rule: of lists, of patterns, and of what is recognised by its meaning."""
    return [*(rule.name for rule in lists.rules), *PATTERNED, *_MEANT]


def _without(text: str, rules: dict[str, Rule]) -> set[str]:
    """Removes it from ``rules``; what of it is no list."""
    name, colon, phrase = (part.strip() for part in text.partition(":"))
    names = [one for one in (*rules, *PATTERNED, *_MEANT) if one == name or one.split(".")[0] == name]
    if not names:
        raise ListsError(f"remove: there is no {name}; {_hint(name, (*CATEGORIES, *rules, *PATTERNED))}")
    if not colon:
        for one in names:
            rules.pop(one, None)
        return set(names)
    if name not in rules:
        raise ListsError(f"remove: {name} has no phrases; name one of its rules")
    left = tuple(one for one in rules[name].phrases if one.source != phrase)
    if len(left) == len(rules[name].phrases):
        raise ListsError(
            f"remove: {name} has no phrase “{phrase}”; {_hint(phrase, [p.source for p in rules[name].phrases])}"
        )
    rules[name] = replace(rules[name], phrases=left)
    return set()


def _joined(one: Rule, other: Rule) -> Rule:
    """Both files' phrases of a rule; what excuses the one excuses the other."""
    unless = "|".join(pattern.pattern for pattern in (one.unless, other.unless) if pattern)
    return replace(
        one,
        phrases=(*one.phrases, *other.phrases),
        unless=re.compile(unless) if unless else None,
        severity=max(one.severity, other.severity, key=SEVERITIES.index),
        what=one.what | other.what,
    )


# What is written


def _yaml(text: str, where: str) -> Any:
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError as error:
        raise ListsError(f"{where} is not YAML: {error}") from error


def _rules(data: Any, sets: Mapping[str, Sequence[str]], where: str) -> Iterator[Rule]:
    for category, rules in _mapping(data, where).items():
        if category not in CATEGORIES:
            raise ListsError(f"{where}: there is no category {category}; {_hint(str(category), CATEGORIES)}")
        for id_, rule in _mapping(rules, f"{where}.{category}").items():
            yield _rule(category, str(id_), rule, sets, f"{where}.{category}.{id_}")


def _rule(category: Category, id_: str, data: Any, sets: Mapping[str, Sequence[str]], where: str) -> Rule:
    if not _NAME.fullmatch(id_):
        raise ListsError(f"{where}: a rule's id has small letters, digits and hyphens, as in guns-sold")
    data = {"phrases": data} if isinstance(data, (list, str)) else _mapping(data, where)
    _known(data, _KEYS, where)
    sound = data.get("sound", True)
    if not isinstance(sound, bool):
        raise ListsError(f"{where}.sound must be true or false")
    phrases = tuple(
        phrase
        for text in _strings(data.get("phrases", []), f"{where}.phrases")
        for phrase in _phrases(text, sets, where, by_sound=sound)
    )
    if not phrases:
        raise ListsError(f"{where}: it has no phrases; give it a list of them")
    return Rule(
        category,
        id_,
        _one_of(data.get("severity", "medium"), SEVERITIES, f"{where}.severity"),
        frozenset(_one_of(what, WHATS, f"{where}.what") for what in _strings(data.get("what", WHATS), f"{where}.what")),
        phrases,
        _context(_strings(data.get("unless", []), f"{where}.unless"), sets, f"{where}.unless"),
    )


def _phrases(text: str, sets: Mapping[str, Sequence[str]], where: str, *, by_sound: bool) -> Iterator[Phrase]:
    sound = None if by_sound else False
    body = text.strip()
    if body[:1] in ("~", "="):
        sound, body = body[0] == "~", body[1:]
    begins, ends = body.startswith("^"), body.endswith("$")
    pieces = _GAP.split(body.removeprefix("^").removesuffix("$"))
    written: list[list[str]] = []
    gaps: list[int] = []
    for gap, piece in zip(("", *pieces[1::2]), pieces[::2], strict=True):
        if not piece.strip():
            raise ListsError(f"{where}: “{text}” matches everything: each part needs letters or digits")
        parts_of = _parts(_choices(piece, sets, f"{where}: “{text}”"), f"{where}: “{text}”")
        gaps += [len(gap)] + [0] * (len(parts_of) - 1)
        written += parts_of
    han = any(_HAN.search(literal) for part in written for literal in part)
    parts = tuple(tuple(dict.fromkeys(_literal(literal, han) for literal in part)) for part in written)
    if not all(all(literal.strip("*") for literal in part) for part in parts):
        raise ListsError(f"{where}: “{text}” matches everything: each part needs letters or digits")
    yield Phrase(text, parts, tuple(gaps[1:]), han, begins, ends, sound)
    if "&" in "".join(pieces[1::2]):
        if len(pieces) != 3:
            raise ListsError(f"{where}: “{text}”: & stands between two parts, and there are {len(pieces[::2])}")
        second = next(at for at, gap in enumerate(gaps) if at and gap)
        swapped = (*gaps[second + 1 :], gaps[second], *gaps[1:second])
        yield Phrase(text, parts[second:] + parts[:second], swapped, han, begins, ends, sound)


@lru_cache(65_536)
def _literal(text: str, han: bool) -> str:
    any_ending = "*" if text.endswith("*") else ""
    folded = fold(text)
    if han:
        return "".join(one for one in folded if one.isalnum()) + any_ending
    return " ".join("".join(one if one.isalnum() else " " for one in folded).split()) + any_ending


def _expanded_all(texts: Iterable[str], sets: Mapping[str, Sequence[str]], where: str) -> list[str]:
    return list(dict.fromkeys(literal for text in texts for literal in _expanded(text, sets, where)))


def _expanded(text: str, sets: Mapping[str, Sequence[str]], where: str, deep: int = 0) -> list[str]:
    """The literals that a text with sets and choices stands for."""
    if not _SIGN.search(text):
        return [text]
    return _product(_choices(text, sets, where, deep), where)


def _product(choices: Sequence[Sequence[str]], where: str) -> list[str]:
    if (total := math.prod(map(len, choices))) > _MOST:
        raise ListsError(f"{where}: stands for {total} texts, more than {_MOST}; write several phrases")
    return ["".join(one) for one in itertools.product(*choices)]


def _parts(choices: Sequence[list[str]], where: str) -> list[list[str]]:
    """Literals that touch: as few as can be looked for, rather than all that all choices make together."""
    parts: list[list[str]] = []
    for choice in choices:
        last = parts[-1] if parts else [""]
        if len(last) * len(choice) <= _TOGETHER or "" in last or "" in choice:
            parts[-1:] = [_product([last, choice], where)]
        else:
            parts.append(choice)
    while len(parts) > 1 and "" in parts[-1]:
        parts[-2:] = [_product(parts[-2:], where)]
    return parts


def _choices(text: str, sets: Mapping[str, Sequence[str]], where: str, deep: int = 0) -> list[list[str]]:
    if not _SIGN.search(text):
        return [[text]]
    choices: list[list[str]] = []
    done: list[str] | None = None
    """Of the choice that is being read, what came before the last bar."""
    last = [""]
    if _TOKEN.sub("", text):
        raise ListsError(f"{where}: a brace is not closed")
    for name, mark, plain in _TOKEN.findall(text):
        if mark == "(" and done is None:
            done, last = [], [""]
        elif mark and mark != "(" and done is not None:
            done, last = [*done, *last], [""]
            if mark == ")":
                choices.append(done)
                done = None
        elif mark:
            raise ListsError(f"{where}: “{mark}” is out of place; a choice is (a|b)")
        else:
            these = [plain] if plain else _set(name, sets, where, deep)
            if done is None:
                choices.append(these)
            else:
                last = [before + one for before in last for one in these]
    if done is not None:
        raise ListsError(f"{where}: a bracket is not closed")
    return choices


def _set(name: str, sets: Mapping[str, Sequence[str]], where: str, deep: int) -> list[str]:
    if name not in sets:
        raise ListsError(f"{where}: there is no set {{{name}}}; {_hint(name, list(sets))}")
    if deep > 4:
        raise ListsError(f"{where}: the set {{{name}}} contains itself")
    return [literal for text in sets[name] for literal in _expanded(text, sets, where, deep + 1)]


def _context(texts: Sequence[str], sets: Mapping[str, Sequence[str]], where: str) -> re.Pattern[str] | None:
    """One expression for all of them, for views with and without blanks."""
    found = []
    for text in texts:
        pieces = _GAP.split(text)
        parts = []
        for piece in pieces[::2]:
            literals = _expanded(piece, sets, f"{where}: “{text}”")
            han = any(map(_HAN.search, literals))
            words = sorted({_literal(one, han) for one in literals}, key=len, reverse=True)
            if not all(words):
                raise ListsError(f"{where}: “{text}” matches everything: each part needs letters or digits")
            parts.append("(?:" + "|".join(map(_bounded, words)) + ")")
        found.append(
            parts[0]
            + "".join(f".{{0,{6 * len(gap)}}}{part}" for gap, part in zip(pieces[1::2], parts[1:], strict=True))
        )
    return re.compile("|".join(found)) if found else None


def _bounded(literal: str) -> str:
    """Latin words are whole ones, with a blank between them or, in a view without, none."""
    word = literal.removesuffix("*")
    before = "(?<![a-z])" if word[0].isascii() else ""
    after = "(?![a-z])" if word[-1].isascii() and word == literal else ""
    return before + re.escape(word).replace(r"\ ", " ?") + after


def _mapping(data: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise ListsError(f"{where} must be a mapping, and is {_shown(data)}")
    return data


def _strings(data: Any, where: str) -> list[str]:
    texts = [text for text in map(str.strip, _BREAK.split(data)) if text] if isinstance(data, str) else data
    if not isinstance(texts, Iterable) or isinstance(texts, Mapping):
        raise ListsError(f"{where} must be a list of texts, and is {_shown(data)}")
    found = list(texts)
    for text in found:
        if isinstance(text, bool) or not isinstance(text, (str, int)) or not str(text).strip():
            raise ListsError(f"{where}: {_shown(text)} is no text; put it in quotes")
    return [str(text) for text in found]


def _one_of(value: Any, allowed: Sequence[_T], where: str) -> _T:
    if value not in allowed:
        raise ListsError(f"{where}: {_shown(value)} is none of {', '.join(map(str, allowed))}")
    return allowed[allowed.index(value)]


def _known(data: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
    for key in data:
        if key not in keys:
            raise ListsError(f"{where}: unknown key {key}; {_hint(str(key), sorted(keys))}")


def _hint(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(known[:12])}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
