"""Markdown to passages: one a section or article, lists kept whole, long sections cut between paragraphs."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, pairwise
from pathlib import Path

import yaml
from markdown_it import MarkdownIt

from knowledge.errors import DocumentError
from knowledge.passage import Passage
from knowledge.sentences import detect_language, split_sentences

MAX_DOCUMENT_BYTES = 2_000_000
MAX_DOCUMENTS = 10_000
PARSER_VERSION = 1
"""Raised whenever the same document would give other passages, so that an index knows to read it again."""

_SUFFIXES = (".md", ".markdown")
_PASSAGE_WEIGHT = 450
"""About what the embedding model reads of a passage and a small language model can attend to."""
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.{0,4000}?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_ARTICLE_START = re.compile(
    r"\s*(?:\*\*|__)?(第[零〇一二三四五六七八九十百千\d]+条(?:之[一二三四五六七八九十]+)?)(?=[\s*_　：:])"
)
_ANNOUNCES = re.compile(r"[:：]\s*\Z")
_MARKUP = re.compile(r"[*_`#]+")


@dataclass(frozen=True, slots=True)
class Document:
    source: str
    """POSIX path relative to the folder."""
    title: str
    digest: str
    """sha256 of the file."""
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that gives no passages, and why, in words for the person who put it there."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Folder:
    documents: tuple[Document, ...]
    skipped: tuple[Skipped, ...]


def read_folder(folder: Path) -> Folder:
    """Read every Markdown file below ``folder``. A bad file is skipped and named, never half read.

    Hidden files and whatever a symbolic link reaches outside the folder are left alone. Raises
    :class:`DocumentError` when the folder itself cannot be read.
    """
    try:
        root = folder.resolve(strict=True)
        files = sorted(_markdown_files(root))
    except OSError as error:
        raise DocumentError(f"cannot read the documents folder {folder}: {error.strerror or error}") from error
    if len(files) > MAX_DOCUMENTS:
        raise DocumentError(f"{folder} holds {len(files)} documents; a room takes at most {MAX_DOCUMENTS}: split it")
    documents: list[Document] = []
    skipped: list[Skipped] = []
    for file in files:
        source = file.relative_to(root).as_posix()
        try:
            if not file.resolve(strict=True).is_relative_to(root):
                raise DocumentError("is a link to outside the documents folder: copy the file instead")
            documents.append(parse_document(source, _read(file)))
        except (DocumentError, OSError) as error:
            skipped.append(Skipped(source, str(error)))
    return Folder(tuple(documents), tuple(skipped))


def parse_document(source: str, content: bytes) -> Document:
    """Raises :class:`DocumentError` for content that is no UTF-8 Markdown or has nothing to say."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    if "\0" in text:
        raise DocumentError("contains NUL bytes: it is not a text file")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    front_matter, body = _split_front_matter(text)
    sections = list(_sections(body))
    title = front_matter.title or next((s.headings[0] for s in sections if s.headings), "") or Path(source).stem
    passages: dict[str, Passage] = {}
    for section in sections:
        headings = section.headings[1:] if section.headings[:1] == (title,) else section.headings
        for article, chunk in _chunks(body, section.blocks):
            language = front_matter.language or detect_language(chunk)
            locator = " › ".join((*headings, article) if article else headings)
            passage = Passage(title=title, locator=locator, text=chunk, language=language, source=source)
            passages.setdefault(passage.id, passage)
    if not passages:
        raise DocumentError("has no text")
    return Document(source, title, sha256(content).hexdigest(), tuple(passages.values()))


@dataclass(frozen=True, slots=True)
class _FrontMatter:
    title: str = ""
    language: str = ""


@dataclass(slots=True)
class _Section:
    headings: tuple[str, ...]
    blocks: list[slice] = field(default_factory=list)
    """Top-level blocks as slices of the body, in order; comments and rules are left out."""


def _markdown_files(root: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        if Path(error.filename) == root:
            raise error

    for folder, subfolders, names in os.walk(root, onerror=fail):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in names:
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                yield Path(folder, name)


def _read(file: Path) -> bytes:
    if not file.is_file():
        raise DocumentError("is not an ordinary file")
    with file.open("rb") as stream:
        content = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise DocumentError(f"is larger than {MAX_DOCUMENT_BYTES // 1_000_000} MB: split it into several documents")
    return content


def _split_front_matter(text: str) -> tuple[_FrontMatter, str]:
    match = _FRONT_MATTER.match(text)
    if not match:
        return _FrontMatter(), text
    try:
        values = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        raise DocumentError(f"its front matter is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        return _FrontMatter(), text
    title, language = values.get("title") or "", values.get("language") or ""
    return _FrontMatter(str(title).strip(), str(language).strip().lower().split("-")[0]), text[match.end() :]


def _sections(body: str) -> Iterator[_Section]:
    """The body's top-level blocks gathered under their heading path."""
    starts = [0, *(match.end() for match in re.finditer("\n", body)), len(body)]
    path: dict[int, str] = {}
    section = _Section(())
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    for token, following in pairwise([*tokens, None]):
        if token is None or token.level != 0 or token.map is None:
            continue
        if token.type == "heading_open":
            yield section
            level = int(token.tag[1])
            path = {at: heading for at, heading in path.items() if at < level}
            path[level] = _MARKUP.sub("", following.content if following else "").strip()
            section = _Section(tuple(heading for _, heading in sorted(path.items()) if heading))
        elif token.type not in ("html_block", "hr"):
            start, end = (starts[line] for line in token.map)
            section.blocks.append(slice(start, start + len(body[start:end].rstrip())))
    yield section


def _chunks(body: str, blocks: list[slice]) -> Iterator[tuple[str, str]]:
    """Join a section's blocks into runs of readable size: (article or "", verbatim text)."""
    article = ""
    chunk: slice | None = None
    for block in chain.from_iterable(_pieces(body, block) for block in blocks):
        opening = _ARTICLE_START.match(body[block])
        if chunk is not None and (opening or not _belong_together(body, chunk, block)):
            yield article, body[chunk]
            chunk = None
        if opening:
            article = opening[1]
        chunk = slice(chunk.start if chunk else block.start, block.stop)
    if chunk is not None:
        yield article, body[chunk]


def _belong_together(body: str, chunk: slice, block: slice) -> bool:
    if body[chunk.stop : block.start].strip():
        return False  # a comment or a rule stands between
    return bool(_ANNOUNCES.search(body[chunk])) or _weight(body[chunk.start : block.stop]) <= _PASSAGE_WEIGHT


def _pieces(body: str, block: slice) -> Iterator[slice]:
    """A block whole, unless it is far too long: then by lines of a list or table, or by sentences."""
    text = body[block]
    if _weight(text) <= 2 * _PASSAGE_WEIGHT:
        yield block
        return
    start = end = 0
    for part in split_sentences(text):
        at = text.index(part, end)
        if end > start and _weight(text[start : at + len(part)]) > _PASSAGE_WEIGHT:
            yield slice(block.start + start, block.start + end)
            start = at
        end = at + len(part)
    yield slice(block.start + start, block.start + end)


def _weight(text: str) -> float:
    """Length in ideographs; a Latin letter says about a third as much."""
    return sum(1.0 if ord(c) >= 0x2E80 else 0.35 for c in text)
