"""A document: what a file says, as blocks under headings, whatever its format; and the passages it is cut into."""

from dataclasses import dataclass
from datetime import date

from knowledge.passage import Passage


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a list, a table or a row of one."""

    text: str
    headings: tuple[str, ...] = ()
    """Path of the headings it stands under."""
    place: str = ""
    """Where a person finds it when headings do not say: "p. 12", "row 40"."""
    apart: bool = False
    """Whether it begins anew rather than going on with the block before it."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known about a document as a whole; empty where nothing is."""

    title: str = ""
    language: str = ""
    """BCP 47 primary tag."""
    valid_from: date | None = None
    valid_to: date | None = None
    """First and last day on which it may be quoted."""

    def over(self, other: "About") -> "About":
        """This, and ``other`` for what this leaves open."""
        return About(
            self.title or other.title,
            self.language or other.language,
            self.valid_from or other.valid_from,
            self.valid_to or other.valid_to,
        )


@dataclass(frozen=True, slots=True)
class Outline:
    """What a format's reader makes of a file."""

    blocks: tuple[Block, ...]
    about: About = About()


@dataclass(frozen=True, slots=True)
class Document:
    source: str
    """POSIX path relative to the folder."""
    title: str
    digest: str
    """Of all that decides the passages: the file, what is said about it, and how it is read."""
    passages: tuple[Passage, ...]
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that gives no passages, and why, in words for the person who put it there."""

    source: str
    reason: str
    digest: str = ""
    """See :class:`Document`; empty when it could not even be looked into."""


@dataclass(frozen=True, slots=True)
class Folder:
    documents: tuple[Document, ...]
    """Those that were read: all, or what has changed."""
    skipped: tuple[Skipped, ...]
    unchanged: frozenset[str] = frozenset()
    """Sources that are as they were known."""
