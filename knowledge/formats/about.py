"""What people say of a document: in the front matter of Markdown, or of any file in the folder's ``about.yaml``."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from knowledge.document import About
from knowledge.errors import DocumentError

FILE: Final = "about.yaml"
_KEYS: Final = ("title", "language", "valid_from", "valid_to")


def about(values: Mapping[Any, Any]) -> About:
    """Of ``title``, ``language``, ``valid_from`` and ``valid_to``; other keys are the author's own.

    Raises :class:`DocumentError` for one that was meant to be one of these, and for a day that is none.
    """
    for key in values:
        meant = re.sub(r"[\s-]+", "_", str(key).strip().lower())
        meant = {"validfrom": "valid_from", "validto": "valid_to", "valid_until": "valid_to"}.get(meant, meant)
        if meant in _KEYS and key != meant:
            raise DocumentError(f"says {key}, which is not read; write {meant}")
    return About(
        str(values.get("title") or "").strip(),
        str(values.get("language") or "").strip().lower().split("-")[0],
        _day(values, "valid_from"),
        _day(values, "valid_to"),
    )


def read(folder: Path) -> dict[str, About]:
    """By source, as the folder's ``about.yaml`` says; nothing where there is none. Raises :class:`DocumentError`."""
    try:
        values = yaml.safe_load((folder / FILE).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentError(f"cannot read {folder / FILE}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict) or not all(isinstance(v, dict) for v in values.values()):
        raise DocumentError(f"{folder / FILE} must say of each file what is known: 'law.pdf: {{valid_to: 2020-12-31}}'")
    try:
        return {str(source): about(said) for source, said in values.items()}
    except DocumentError as error:
        raise DocumentError(f"{folder / FILE} {error}") from error


def _day(values: Mapping[Any, Any], name: str) -> date | None:
    value = values.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError:
        raise DocumentError(f"says {name}: {value}, which is no day; write it as 2021-01-01") from None
