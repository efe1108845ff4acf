"""A passage: the smallest piece of a document that an answer may rest on."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """One section, or one article, of a document."""

    title: str
    """The document's title."""
    locator: str
    """Heading path and article inside the document; empty when the document has no headings."""
    text: str
    """Verbatim from the document, markup included; between paragraphs an empty line."""
    language: str
    """BCP 47 primary tag: "zh" or "en"."""
    source: str
    """POSIX path relative to the folder of documents."""

    @property
    def id(self) -> str:
        """Stable for the same content at the same place, so an edit elsewhere keeps this passage's embedding."""
        content = "\0".join((self.source, self.title, self.locator, self.text))
        return hashlib.blake2b(content.encode(), digest_size=12).hexdigest()

    @property
    def heading(self) -> str:
        return "\n".join(part for part in (self.title, self.locator) if part)

    @property
    def headed_text(self) -> str:
        """What is indexed: a section rarely repeats the words of its own heading."""
        return f"{self.heading}\n{self.text}"
