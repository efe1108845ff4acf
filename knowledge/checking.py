"""The check of a sentence: whether the facts that it cites carry what it says.

Rules, not a model: every quantity must be the fact's, bounds and before and after must be kept, what is denied must be
denied, roles must not change places, nothing may be made general, and what is said must be what the fact speaks of.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final, Literal

from knowledge.han import HAN
from knowledge.quantities import Quantity, numeral, quantities
from knowledge.sentences import detect_language
from knowledge.wanted import Term, wanted
from knowledge.weekdays import days
from knowledge.words import stem, terms

Objection = Literal["number", "bound", "order", "negation", "must", "scope", "role", "unsaid"]

_UNSAID: Final = 0.5
"""Share of a sentence's terms that the fact may be without, in whatever words."""
_UNSAID_ABROAD: Final = 0.85
"""The same across languages: a dictionary does not know every word that is meant."""
_CLAUSES: Final = re.compile(r"[，。；！？：,;!?:\n]|\.\s|\s[-–—]\s|(?<=[a-z])\s(?:and|but|while|whereas)\s")
_PARTS: Final = re.compile(r"[。；！？;!?\n]|\.\s")

_NEGATED: Final = re.compile(
    "不(?!动产|同|仅|管|论|过|可抗力|断|止|少于|低于|超过|多于|高于|满|足|到|如|久|错|客气|好意思|得(?:超过|少于|低于|高于|多于))"
    "|没(?!收)(?:有)?|无(?!固定期限|论|理由退货|障碍|锡|线|人机|条件|偿)|未(?!成年|来|婚|满|必)|(?<!除)非(?!婚生|常|遗|洲|得|要)|(?<![分区特性级类个辨识])别(?!人|的|墅|名)"
    "|勿|禁止|严禁|拒绝"
    r"|\b(?:not|no(?! (?:more|less|later|fewer))|never|none|nothing|nobody|without|cannot|neither|nor|prohibit\w*)\b"
    r"|\b(?:forbid\w*|forbidden|refus\w+|banned)\b|n't\b",
    re.IGNORECASE,
)
_REACH: Final = 12
"""Characters after a negation within which what it denies stands."""
_WEAK: Final = (
    "be been being is are was were have has had to do does did can could may must should will would the any a an "
    "能 可 可以 得 会 要 应 应当 应该 必 需 需要 再 是 有 的 了 在 "
    "被 把 让 给 还 就 都 也 用 予 准 许 到 上 下 来 去 过 着"
)
_AUXILIARY: Final = frozenset(_WEAK.split())
_MUST: Final = re.compile(
    r"必须|必需|务必|一定要|强制|非.{1,8}不可|\b(?:must|required|mandatory|obliged|have to|has to|compulsory)\b",
    re.IGNORECASE,
)
_SHOULD: Final = re.compile(
    r"应当|应该|应(?=[^用对届急聘])|须|需要?|要(?!求|是|么|不)|得(?!到|以|出|知|过|了)|\b(?:shall|should|need\w*)\b",
    re.IGNORECASE,
)
_ALL: Final = re.compile(
    r"所有|任何(?!一)|一律|全部|全都|一概|总是|永远|必定|随时|无条件|每个人|谁都|都(?:可以|能|要|得|会|是|有|不|必须)|"
    r"\b(?:all|any|every|everyone|everybody|anyone|always|whenever|unconditionally|in every case|no matter)\b",
    re.IGNORECASE,
)
_ONLY: Final = re.compile(
    r"(?<![这那一两三四五六七八九十几每哪犬])只(?:有|能|需|要|限|可|在|对)?|仅|唯一|\b(?:only|solely|exclusively|just)\b",
    re.IGNORECASE,
)
_ONLY_TOO: Final = re.compile(r"除非|方可|才|除.{1,20}外|\b(?:unless|except|otherwise)\b", re.IGNORECASE)
_ROLES: Final = tuple(
    (re.compile(one, re.IGNORECASE), re.compile(other, re.IGNORECASE))
    for one, other in (
        (
            r"用人单位|公司|单位|老板|雇主|企业|\b(?:employer|company|boss)\b",
            r"劳动者|员工|职工|工人|雇员|\b(?:employee|worker|staff)\b",
        ),
        (r"出租人|房东|\b(?:landlord|lessor)\b", r"承租人|租客|租户|\b(?:tenant|lessee|renter)\b"),
        (r"出借人|贷款人|债权人|\b(?:lender|creditor)\b", r"借款人|债务人|\b(?:borrower|debtor)\b"),
        (
            r"经营者|商家|卖家|卖方|出卖人|店家|\b(?:seller|shop|merchant|trader|business)\b",
            r"消费者|买家|买方|买受人|顾客|\b(?:buyer|consumer|customer)\b",
        ),
        (
            r"男方|丈夫|老公|父亲|爸爸|\b(?:husband|father|men|man)\b",
            r"女方|妻子|老婆|母亲|妈妈|\b(?:wife|mother|women|woman)\b",
        ),
        (r"保险人|保险公司|\binsurer\b", r"投保人|被保险人|\b(?:insured|policyholder)\b"),
        (r"物业(?:公司|服务企业|服务人)?|\bproperty (?:manager|company)\b", r"业主|\bowners?\b"),
        (r"旅行社|\btravel agen\w+\b", r"旅游者|游客|\b(?:traveller|tourist)s?\b"),
        (r"成人|成年人|大人|\badults?\b", r"儿童|孩子|小孩|未成年人|\b(?:child|children|kids?|minors?)\b"),
        (r"(?<!被)继承人|\bheirs?\b", r"被继承人|\b(?:deceased|testator)\b"),
        (r"原告|\bplaintiff\b", r"被告|\bdefendant\b"),
        (r"左|\bleft\b", r"右|\bright(?:-hand)?\b(?! to)"),
        (r"上午|\bmorning\b", r"下午|\bafternoon\b"),
    )
)
_PASSIVE: Final = re.compile(r"被|由|向|对|给|让|把|将|跟|\b(?:by|to|from|of|for|with)\b", re.IGNORECASE)
_OPPOSITE: Final = tuple(
    (re.compile(one, re.IGNORECASE), re.compile(other, re.IGNORECASE))
    for one, other in (
        (r"有效|\bvalid\b", r"无效|\b(?:invalid|void)\b"),
        (r"合法|\b(?:legal|lawful)\b", r"违法|非法|\b(?:illegal|unlawful)\b"),
        (r"开放|开馆|营业|\bopens?\b", r"关闭|闭馆|关门|\bclose[sd]?\b"),
        (r"增加|提高|上涨|\bincreas\w*|\brais\w*", r"减少|降低|下降|\b(?:decreas\w*|reduc\w*|lower\w*)"),
        (r"最早|earliest|oldest", r"最晚|latest|youngest"),
        (r"最大|最高|largest|biggest|tallest|highest|heaviest", r"最小|最低|smallest|shortest|lowest|lightest"),
        (r"优先|\bpriority\b", r"劣后|最后"),
        (r"有偿|收费|\b(?:charge|fee|paid)\b", r"无偿|免费|\bfree\b"),
        (r"室内|\bindoors?\b", r"室外|户外|\boutdoors?\b"),
        (r"工作日|\bweekdays?\b", r"周末|双休日|\bweekends?\b"),
        (r"书面|\b(?:written|in writing)\b", r"口头|\boral(?:ly)?\b"),
    )
)


@dataclass(frozen=True, slots=True)
class _Clause:
    text: str
    terms: frozenset[str]


def carries(sentence: str, fact: str) -> bool:
    """Whether ``fact`` (more than one, joined, if the sentence rests on more) says what ``sentence`` does."""
    return next(objections(sentence, fact), None) is None


def objections(sentence: str, fact: str) -> Iterator[Objection]:
    """What is wrong with the sentence; nothing when the fact carries it."""
    yield from _by_quantities(quantities(sentence), quantities(fact))
    if not (_paired(sentence, fact) and days(sentence) <= days(fact)):
        yield "number"
    for clause in _split(sentence):
        beside = _beside(clause, fact)
        if _turns_round(beside, clause):
            yield "negation"
        if _MUST.search(clause) and not (_MUST.search(fact) or _SHOULD.search(fact) or _NEGATED.search(fact)):
            yield "must"
        if _exchanged(clause, beside, fact, sentence):
            yield "role"
    if _turns_round(sentence, fact):
        yield "negation"
    if _ALL.search(sentence) and not _ALL.search(fact):
        yield "scope"
    if _ONLY.search(sentence) and not (_ONLY.search(fact) or _ONLY_TOO.search(fact)):
        yield "scope"
    if any(_turned(one, other, sentence, fact) for one, other in _OPPOSITE):
        yield "negation"
    abroad = detect_language(sentence) != detect_language(fact)
    if unsaid(sentence, fact) > (_UNSAID_ABROAD if abroad else _UNSAID):
        yield "unsaid"


def unsaid(sentence: str, fact: str) -> float:
    """Share, in [0, 1], of what a sentence speaks of that the fact says in no way."""
    asked = [term for term in wanted(sentence) if not numeral(term.text)]
    if not asked:
        return 0.0
    text = fact.lower()
    held = f" {' '.join(map(stem, terms(fact)))} "
    return 1.0 - sum(_said(term, text, held) for term in asked) / len(asked)


def _said(term: Term, text: str, held: str) -> float:
    best = 0.0
    for way in term.ways:
        if way.sounds:
            continue
        if HAN.search(way.words[0]):
            share = sum(_alike(word, text) for word in way.words) / len(way.words)
        elif way.strict:
            share = float(f" {' '.join(way.words)} " in held)
        else:
            share = sum(f" {word} " in held for word in way.words) / len(way.words)
        best = max(best, share)
    return best


def _alike(word: str, text: str) -> float:
    """Chinese words that mean much the same share a character: 上班 and 上岗, 退还 and 退回."""
    if word in text:
        return 1.0
    return 0.6 * sum(character in text for character in word) / len(word) if len(word) > 1 else 0.0


def _by_quantities(said: Sequence[Quantity], known: Sequence[Quantity]) -> Iterator[Objection]:
    for one in said:
        same = [other for other in known if one.same(other)]
        if not same:
            if not one.vague or any(other.measures(one) for other in known):
                yield "number"
            continue
        bounds, sides = {other.bound for other in same}, {other.side for other in same}
        if one.bound and "" not in bounds and one.bound not in bounds:
            yield "bound"
        if one.side and "" not in sides and one.side not in sides:
            yield "order"


def _paired(sentence: str, fact: str) -> bool:
    """Whether quantities that are said in one breath stand together in the fact too: no other case's number."""
    parts = [quantities(part) for part in _PARTS.split(fact)]
    for said in map(quantities, _PARTS.split(sentence)):
        said = [one for one in said if not one.vague]
        if len(said) > 1 and not any(all(any(a.same(b) for b in part) for a in said) for part in parts):
            return False
    return True


def _split(text: str) -> list[str]:
    return [clause for clause in map(str.strip, _CLAUSES.split(text)) if clause]


@lru_cache(512)
def _clauses(fact: str) -> tuple[_Clause, ...]:
    return tuple(_Clause(text, frozenset(map(stem, terms(text)))) for text in _split(fact))


def _beside(clause: str, fact: str) -> str:
    """What of the fact the clause is about."""
    ways = [frozenset(word for way in term.ways for word in way.words) for term in wanted(clause)]

    def alike(one: _Clause) -> float:
        return sum(bool(way & one.terms) for way in ways) + 0.2 * sum(a in one.text for a in set(HAN.findall(clause)))

    return max(_clauses(fact), key=alike, default=_Clause("", frozenset())).text


def _turns_round(text: str, other: str) -> bool:
    """Whether ``text`` denies something that ``other`` has and nowhere denies."""
    theirs = [match.end() for match in _NEGATED.finditer(other)]
    for match in _NEGATED.finditer(text):
        for word in islice(_denied(text[match.end() : match.end() + _REACH]), 2):
            at = [found.start() for found in re.finditer(re.escape(word), other, re.IGNORECASE)]
            if at:
                if not any(0 <= start - end <= _REACH for start in at for end in theirs):
                    return True
                break
    return False


def _denied(following: str) -> Iterator[str]:
    """Words that a negation may be of, the nearest first."""
    clause = _CLAUSES.split(following)[0]
    for term in terms(clause):
        if (len(term) > 1 or HAN.fullmatch(term)) and term not in _AUXILIARY:
            yield term


def _denies(text: str) -> bool:
    return len(_NEGATED.findall(text)) % 2 == 1


def _turned(one: re.Pattern[str], other: re.Pattern[str], sentence: str, fact: str) -> bool:
    """Whether the sentence has the opposite of what the fact has, and not what it has."""
    for this, that in ((one, other), (other, one)):
        if this.search(sentence) and not that.search(sentence) and that.search(fact) and not this.search(fact):
            return _denies(sentence) == _denies(fact)
    return False


def _exchanged(clause: str, beside: str, fact: str, sentence: str) -> bool:
    for one, other in _ROLES:
        mine, theirs = one.search(clause), other.search(clause)
        both = one.search(sentence) and other.search(sentence)  # who else is concerned may go without saying
        if mine and not one.search(fact) and other.search(fact) and not both:
            return True
        if theirs and not other.search(fact) and one.search(fact) and not both:
            return True
        if mine and theirs and (a := one.search(beside)) and (b := other.search(beside)):
            turned = (mine.start() < theirs.start()) != (a.start() < b.start())
            if turned and bool(_PASSIVE.search(clause)) == bool(_PASSIVE.search(beside)):
                return True
    return False
