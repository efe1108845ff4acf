"""How Chinese words follow one another: counts of texts, by which 签 is told from 千 where only the sound is sure.

:func:`everyday` was counted in what people may say and ask, a sentence a line: ``training/said-zh.txt``, the lessons
of the reader and the harmless ones of moderation (``streaming/moderation/training``). To count anew::

    (cat knowledge/training/said-zh.txt; jq -r '.. | strings' knowledge/training/pairs.jsonl
     jq -r 'select(.[0] == null and .[1] != "name")[2]' streaming/moderation/training/zh.jsonl) |
        python -m knowledge.usage
"""

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from knowledge import words
from knowledge.han import HAN_RUN

BEGIN: Final = "^"
END: Final = "$"
"""Of a run of ideographs: what stands before its first word, and after its last."""
_FILE: Final = Path(__file__).with_name("usage-zh.json.gz")
_LEAST: Final = 2
"""What is counted less often is left out of the file: pairs counted once are three in four and mend one character in
fifty."""


@dataclass(frozen=True, slots=True)
class Usage:
    words: Mapping[str, int]
    """How often each stands there, :data:`BEGIN` and :data:`END` among them."""
    pairs: Mapping[tuple[str, str], int]
    """How often one stands behind another."""
    followers: Mapping[str, int]
    """How many different words stand behind each."""
    total: int

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Usage":
        """Counted. Some 100,000 characters a second."""
        counts: Counter[str] = Counter()
        pairs: Counter[tuple[str, str]] = Counter()
        for text in texts:
            for run in HAN_RUN.findall(text):
                cut = words.cut(run)
                counts.update((BEGIN, *cut, END))
                pairs.update(zip([BEGIN, *cut], [*cut, END], strict=True))
        return cls(counts, pairs, Counter(first for first, _ in pairs), max(1, counts.total()))

    def share(self, word: str) -> float:
        return self.words.get(word, 0) / self.total

    def behind(self, first: str, word: str, share: float) -> float:
        """Probability of ``word`` behind ``first``: as counted, and by its ``share`` the more, the more different words
        stand there (Witten and Bell 1991, method C).
        """
        followers = self.followers.get(first, 0) + 1
        return (self.pairs.get((first, word), 0) + followers * share) / (self.words.get(first, 0) + followers)


@cache
def everyday() -> Usage:
    """A tenth of a second when it is first asked for."""
    data: dict[str, Any] = json.loads(gzip.decompress(_FILE.read_bytes()))
    pairs = {(first, word): count for first, then in data["pairs"].items() for word, count in then.items()}
    return Usage(data["words"], pairs, data["followers"], data["total"])


def save(usage: Usage) -> None:
    """As what :func:`everyday` reads: without what was counted once."""
    counts = {word: count for word, count in sorted(usage.words.items()) if count >= _LEAST}
    pairs: dict[str, dict[str, int]] = {}
    for (first, word), count in sorted(usage.pairs.items()):
        if count >= _LEAST:
            pairs.setdefault(first, {})[word] = count
    followers = {word: usage.followers[word] for word in counts if word in usage.followers}
    data = {"total": usage.total, "words": counts, "followers": followers, "pairs": pairs}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    _FILE.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    save(Usage.of(sys.stdin))
