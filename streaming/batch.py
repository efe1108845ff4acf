"""Many clips from one text and a table: ``everhost render --batch``.

A row of the table is a clip; its columns fill the placeholders in the text and in the clip's name. What is there
already, and made of the same, is not made again: a batch that was killed goes on where it was.
"""

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streaming import clip
from streaming.errors import EverhostError

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
    found = []
    for number, row in enumerate(rows, 2):
        if not any(row.values()):
            continue  # a blank line
        where = f"row {number} of {table}"
        for name in _places(out):
            value = row.get(name, "")
            if _UNSAFE.search(value) or value.strip(". ") != value or not value:
                raise EverhostError(f"{where}: “{value}” in the column '{name}' is nothing for a file's name")
        said = _filled(text, row, columns, where)
        if not any(character.isalnum() for character in said):
            raise EverhostError(f"{where}: there is nothing to say")
        found.append(Order(number, said, Path(_filled(out, row, columns, where))))
    if not found:
        raise EverhostError(f"{table} has no rows below the names of its columns")
    for order in found:
        clip.check(order.out, transparent=transparent)
    if twice := [name for name, count in Counter(order.out for order in found).items() if count > 1]:
        rows_of = ", ".join(str(order.row) for order in found if order.out == twice[0])
        raise EverhostError(f"rows {rows_of} of {table} are all {twice[0]}; put a column into -o that tells them apart")
    return found


def _read(table: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:  # as spreadsheets write it
            reader = csv.DictReader(file, restkey="", restval="", strict=True)
            columns = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            rows: list[dict[str, str]] = []
            for row in reader:
                if row.pop("", None):
                    raise EverhostError(f"row {len(rows) + 2} of {table} has more values than there are columns")
                rows.append({name: value.strip() for name, value in row.items()})
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EverhostError(f"{table} cannot be read as CSV in UTF-8: {error}") from error
    if not all(columns) or len(set(columns)) < len(columns):
        raise EverhostError(f"the first row of {table} names the columns, each once; it is {', '.join(columns)}")
    return columns, rows


def _places(pattern: str) -> list[str]:
    return [match[1] for match in _PLACE.finditer(pattern) if match[1] is not None]


def _filled(pattern: str, row: Mapping[str, str], columns: Sequence[str], where: str) -> str:
    def fill(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        if match[1] not in row:
            name = match[1] if match[1] is not None else match[0]
            raise EverhostError(f"{where}: there is no column '{name}'; there are {', '.join(columns)}")
        return row[match[1]]

    return _PLACE.sub(fill, pattern)
