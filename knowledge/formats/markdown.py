"""Markdown, with a title, a language and dates of validity in its front matter."""

import re
from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import Any, Final

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from knowledge.document import About, Block, Outline
from knowledge.errors import DocumentError
from knowledge.formats.about import about
from knowledge.formats.decoding import decode
from knowledge.formats.row import with_columns
from knowledge.han import HAN

_FRONT_MATTER: Final = re.compile(r"\A---[ \t]*\n(.{0,4000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_BEGUN: Final = re.compile(r"\A---[ \t]*\n(?:title|language|valid[ _-]?(?:from|to))[ \t]*:", re.IGNORECASE)
_MARKUP: Final = re.compile(r"[*_`#]+")


def outline(_source: str, content: bytes) -> Outline:
    return of_text(decode(content))


def of_text(text: str) -> Outline:
    """Raises :class:`DocumentError` for front matter that cannot be read."""
    front, body = _front_matter(text)
    lines = body.split("\n")
    path: dict[int, str] = {}
    blocks: list[Block] = []
    apart = False
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    for n, (token, following) in enumerate(pairwise([*tokens, None])):
        if token is None or token.level != 0 or token.map is None:
            continue
        if token.type == "heading_open":
            level = int(token.tag[1])
            path = {at: heading for at, heading in path.items() if at < level}
            path[level] = _MARKUP.sub("", following.content if following else "").strip()
            apart = True
        elif token.type in ("html_block", "hr"):
            apart = True
        else:
            headings = tuple(heading for _, heading in sorted(path.items()) if heading)
            table = token.type == "table_open"
            text = _as_list(tokens[n:]) if table else "\n".join(lines[slice(*token.map)]).rstrip()
            blocks.append(Block(text, headings, apart=apart))
            apart = False
    return Outline(tuple(blocks), front)


def _as_list(tokens: Sequence[Token]) -> str:
    """The table that begins here, a line a row and each cell with its column's name: so that a row can be quoted."""
    rows: list[list[str]] = []
    for token in takewhile(lambda one: one.type != "table_close", tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(" ".join(token.content.split()))
    if len(rows) > 2 and not any(rows[0]):  # as pages and Word give tables that mark no row as their head
        del rows[0]
    head, *body = rows
    between = "；" if HAN.search("".join(head)) else "; "
    said = [between.join(with_columns(head, cells)) for cells in body if any(cells)]
    return "\n".join(f"- {one}" for one in said) or "- " + between.join(filter(None, head))


def _front_matter(text: str) -> tuple[About, str]:
    match = _FRONT_MATTER.match(text)
    if not match:
        if _BEGUN.match(text):
            raise DocumentError("has front matter without an end: close it with a line of --- within 4000 characters")
        return About(), text
    try:
        values: Any = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentError(f"its front matter is not valid YAML: {' '.join(str(error).split())}") from error
    return (about(values), text[match.end() :]) if isinstance(values, dict) else (About(), text)
