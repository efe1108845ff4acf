"""Chinese numerals, and articles however they are numbered."""

import re

import cn2an

NUMERAL = "零〇一二两三四五六七八九十百千万亿"
_ARTICLE = re.compile(rf"第\s*([{NUMERAL}]+|\d+)\s*条|\b(?:articles?|arts?\.?)\s*(\d+)", re.IGNORECASE)


def parse_chinese(numeral: str) -> float | None:
    """四十七 → 47, 两千五 → 2500, 二〇二五 → 2025; None for what is no number (十十)."""
    try:
        return float(cn2an.cn2an(numeral, "normal"))
    except (ValueError, KeyError):  # 千十一 makes cn2an stumble
        return None


def split_articles(text: str) -> tuple[str, list[int]]:
    """(the text without them, the article numbers it names): 第四十七条, 第47条, Article 47, art. 47."""
    named = (match[1] or match[2] for match in _ARTICLE.finditer(text))
    values = (float(n) if n.isascii() else parse_chinese(n) for n in named)
    numbers_named = [int(value) for value in values if value is not None]
    return _ARTICLE.sub(" ", text), numbers_named
