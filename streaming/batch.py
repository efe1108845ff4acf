"""Many clips from one text and a table: ``everhost render --batch``.

A row of the table is a clip; its columns fill the placeholders in the text and in the clip's name. What is there
already, and made of the same, is not made again: a batch that was killed goes on where it was.
"""

import csv
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final

from streaming import clip
from streaming.errors import EverhostError
from streaming.saying import says_something

_PLACE: Final = re.compile(r"{{|}}|{([^{}]*)}|[{}]")
_UNSAFE: Final = re.compile(r'[/\\:*?"<>|\x00-\x1f]')


@dataclass(frozen=True, slots=True)
class Order:
    """One clip that is wanted."""

    row: int
    """Of the table; the first below the names of the columns is 2, as spreadsheets show it."""
    text: str
    out: Path

    def about(self, how: Mapping[str, object]) -> str:
        """What it is made of: the same for the same text said ``how`` the same."""
        made_of = json.dumps({"text": self.text, **how}, sort_keys=True, default=str)
        return hashlib.sha256(made_of.encode()).hexdigest()

    def is_there(self, how: Mapping[str, object]) -> bool:
        return self.out.is_file() and clip.about(self.out) == self.about(how)


def orders(table: Path, text: str, out: str, *, transparent: bool = False) -> list[Order]:
    """The clips of a table. ``text`` and ``out`` (a file's path) have ``{column}`` where a row's value goes, and ``{{``
    for a brace.

    Raises :class:`EverhostError` that says in which row, before anything is made.
    """
    columns, rows = _read(table)
    in_names = _places(out)
    for name in (*in_names, *_places(text)):
        if name not in columns:
            raise EverhostError(f"{table} has no column '{name}'; there are {', '.join(columns)}")
    found = []
    for number, row in rows:
        where = f"row {number} of {table}"
        for name in in_names:
            value = row[name]
            if _UNSAFE.search(value) or value.strip(". ") != value or not value:
                raise EverhostError(f"{where}: “{value}” in the column '{name}' is nothing for a file's name")
        said = _filled(text, row)
        if not says_something(said):
            raise EverhostError(f"{where}: there is nothing to say")
        found.append(Order(number, said, Path(_filled(out, row))))
    if not found:
        raise EverhostError(f"{table} has no rows below the names of its columns")
    for order in found:
        clip.check(order.out, transparent=transparent)
    _refuse_same(found, table)
    return found


def _refuse_same(found: Sequence[Order], table: Path) -> None:
    """Names that some disks, or eyes, do not tell apart are the same, too."""
    rows: dict[str, list[Order]] = {}
    for order in found:
        rows.setdefault(unicodedata.normalize("NFC", str(order.out)).casefold(), []).append(order)
    for same in rows.values():
        if len(same) > 1:
            which = ", ".join(str(order.row) for order in same)
            raise EverhostError(
                f"rows {which} of {table} are all {same[0].out}; put a column into -o that tells them apart"
            )


def _read(table: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The names of the columns, and the rows that are not blank with their numbers."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:  # as spreadsheets write it
            lines = [[value.strip() for value in line] for line in csv.reader(file, strict=True)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EverhostError(f"{table} cannot be read as CSV in UTF-8: {error}") from error
    numbered = [(number, line) for number, line in enumerate(lines, 1) if any(line)]
    columns = _trimmed(numbered[0][1]) if numbered else []
    if not all(columns) or len(set(columns)) < len(columns) or not columns:
        raise EverhostError(f"the first row of {table} names the columns, each once; it is {', '.join(columns)}")
    rows = []
    for number, line in numbered[1:]:
        values = _trimmed(line)
        if len(values) > len(columns):
            raise EverhostError(f"row {number} of {table} has more values than there are columns")
        rows.append((number, dict(zip_longest(columns, values, fillvalue=""))))
    return columns, rows


def _trimmed(line: list[str]) -> list[str]:
    """Without the empty values that spreadsheets leave at its end."""
    count = max((k for k, value in enumerate(line, 1) if value), default=0)
    return line[:count]


def _places(pattern: str) -> list[str]:
    """The columns that it names. Raises :class:`EverhostError` for a brace that stands alone."""
    found = []
    for match in _PLACE.finditer(pattern):
        if match[0] in ("{", "}"):
            raise EverhostError(f"in “{pattern}” a {match[0]} stands alone; write {2 * match[0]} where you mean it so")
        if match[1] is not None:
            found.append(match[1].strip())
    return found


def _filled(pattern: str, row: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda match: match[0][0] if match[1] is None else row[match[1].strip()], pattern)
