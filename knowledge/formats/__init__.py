"""Formats: what a file says, as blocks under headings. One module a format; each blocks, and trusts no file.

Files that only a parser of some size can read are read in a process of their own: :mod:`knowledge.formats.apart`.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import PurePosixPath
from typing import Final

from knowledge.document import Outline
from knowledge.errors import DocumentError

_MODULES: Final = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "plain",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".docx": "docx",
    ".pdf": "pdf",
    ".csv": "table",
    ".tsv": "table",
    ".xlsx": "table",
    ".xls": "table",
    ".ods": "table",
}
SUFFIXES: Final = frozenset(_MODULES)
SIMPLE: Final = frozenset({".md", ".markdown", ".txt"})
"""Those that may be read where one is."""
ADVICE: Final = {
    ".doc": "save it as .docx",
    ".rtf": "save it as .docx",
    ".odt": "save it as .docx",
    ".pages": "export it as .docx",
    ".wps": "save it as .docx",
    ".ppt": "export it as PDF",
    ".pptx": "export it as PDF",
    ".epub": "convert it to HTML",
    ".mht": "save it as HTML",
    ".ofd": "export it as PDF",
}
"""What people have documents in that cannot be read here, and what they can do."""


def suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def outline(source: str, content: bytes) -> Outline:
    """What the file named ``source`` says. Raises :class:`DocumentError`, or whatever a library does at a bad file."""
    kind = suffix(source)
    if kind not in _MODULES:
        raise DocumentError(f"is of no kind that can be read ({', '.join(sorted(SUFFIXES))})")
    read: Callable[[str, bytes], Outline] = import_module(f"knowledge.formats.{_MODULES[kind]}").outline
    return read(source, content)
