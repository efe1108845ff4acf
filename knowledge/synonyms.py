"""Synonyms of a room: ``synonyms.yaml`` in its folder of documents, groups of words that stand for one another.

- [辞退, 解雇, 开除, dismiss, fire]
- [N+1, 代通知金]
"""

from pathlib import Path
from typing import Final

import yaml

from knowledge.errors import DocumentError
from knowledge.wanted import Synonyms

FILE: Final = "synonyms.yaml"


def read(folder: Path) -> Synonyms:
    """Nothing where there is no such file. Raises :class:`DocumentError`."""
    path = folder / FILE
    try:
        groups = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if groups is None:
        return ()
    if not isinstance(groups, list) or not all(isinstance(group, list) and len(group) > 1 for group in groups):
        raise DocumentError(f"{path} must be a list of groups of words: '- [dismiss, fire, sack]'")
    return tuple(frozenset(str(word).strip().lower() for word in group) - {""} for group in groups)
