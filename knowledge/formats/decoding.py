"""Bytes to text, whatever they were saved as."""

import codecs
import re
from typing import Final

from knowledge.errors import DocumentError

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Both Chinese character sets keep what is common in a part of their own: level 1 of GB 2312 (3755 characters) and of
# Big5 (5401). Text read by the wrong one falls outside it.
_COMMON: Final = {
    "gb18030": re.compile(rb"[\xb0-\xd7][\xa1-\xfe]"),
    "big5": re.compile(rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]"),
}
_DOUBLE: Final = {
    "gb18030": re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]"),
    "big5": re.compile(rb"[\x81-\xfe][\x40-\x7e\xa1-\xfe]"),
}
_UNSEEN: Final = re.compile("[\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]")
_LOOKED_AT: Final = 200_000


def decode(content: bytes, declared: str | None = None) -> str:
    """Text with ``\\n`` for every line end. ``declared``: the encoding that the file itself names.

    Raises :class:`DocumentError` for what is no text.
    """
    text = _decoded(content, declared)
    if "\0" in text:
        raise DocumentError("contains NUL bytes: it is not a text file")
    return clean(text)


def clean(text: str) -> str:
    """One kind of line end and of space, and nothing that cannot be seen."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " "))


def _decoded(content: bytes, declared: str | None) -> str:
    for encoding in (*_marked(content), "utf-8", *_declared(declared), *_likely(content)):
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    raise DocumentError("is in no encoding that can be told: save it as UTF-8")


def _marked(content: bytes) -> tuple[str, ...]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return (encoding,)
    # UTF-16 without its mark: the upper byte of what is ASCII is zero.
    head = content[:4000]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) // 20 and min(even, odd) < max(even, odd) / 2:
        return ("utf-16-be" if even > odd else "utf-16-le",)
    return ()


def _declared(name: str | None) -> tuple[str, ...]:
    if not name:
        return ()
    # What pages call gb2312 has had more characters for thirty years.
    return ("gb18030",) if name.strip().lower() in ("gb2312", "gbk", "x-gbk", "gb18030") else (name.strip(),)


def _likely(content: bytes) -> tuple[str, ...]:
    """Chinese encodings, the likelier first, or Windows' Western one where next to nothing would be Chinese."""
    head = content[:_LOOKED_AT]
    shares = {}
    for encoding, common in _COMMON.items():
        pairs = _DOUBLE[encoding].findall(head)
        shares[encoding] = sum(map(bool, map(common.fullmatch, pairs))) / max(1, len(pairs))
    high = sum(byte > 0x7F for byte in head)
    runs = sum(
        len(run) for run in re.findall(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe](?:[\x81-\xfe][\x40-\x7e\x80-\xfe])+", head)
    )
    if runs < high * 0.5:  # a letter with an accent stands alone
        return ("cp1252",)
    return tuple(sorted(shares, key=lambda encoding: -shares[encoding]))
