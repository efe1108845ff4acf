"""HTML: what a reader of the page would see, by way of Markdown.

What is hidden is left out: nobody who checks a citation would find it, and orders to language models hide there.
"""

import re
from typing import Final

from bs4 import BeautifulSoup, Tag
from bs4.exceptions import ParserRejectedMarkup
from markdownify import MarkdownConverter

from knowledge.document import About, Outline
from knowledge.errors import DocumentError
from knowledge.formats import markdown
from knowledge.formats.decoding import clean, decode

_UNSEEN: Final = (
    "script",
    "style",
    "template",
    "noscript",
    "head",
    "svg",
    "canvas",
    "iframe",
    "object",
    "form",
    "dialog",
)
_AROUND: Final = ("nav", "footer", "aside", "header")
_HIDING: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0(?:\.0*)?\s*(?:;|$)"
    r"|font-size\s*:\s*0(?:\.0*)?(?:[a-z%]*)\s*(?:;|$)",
    re.IGNORECASE,
)
_CHARSET: Final = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:-]+)""", re.IGNORECASE)
_BLANKS: Final = re.compile(r"\n{3,}")


def outline(_source: str, content: bytes) -> Outline:
    declared = _CHARSET.search(content[:4096])
    return of_html(decode(content, declared[1].decode("ascii") if declared else None))


def of_html(html: str) -> Outline:
    try:
        soup = BeautifulSoup(html, "html.parser")
        title, language = _title(soup), _language(soup)
        for tag in soup.find_all(_hidden):
            tag.decompose()
        text = _Converter(heading_style="ATX", bullets="-", strip=["a", "img"]).convert_soup(_main(soup))
    except (RecursionError, ParserRejectedMarkup) as error:
        raise DocumentError("is nested too deeply to be read: save the page as text") from error
    read = markdown.of_text(_BLANKS.sub("\n\n", clean(text)).strip())
    return Outline(read.blocks, About(title, language).over(read.about))


class _Converter(MarkdownConverter):
    def convert_br(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return " " if "td" in parent_tags or "th" in parent_tags else "\n"


def _hidden(tag: Tag) -> bool:
    if tag.name in _UNSEEN or tag.has_attr("hidden") or tag.get("aria-hidden") == "true":
        return True
    if tag.name in _AROUND and tag.find_parent(("article", "main")) is None:
        return True
    style = tag.get("style")
    return isinstance(style, str) and bool(_HIDING.search(style))


def _main(soup: BeautifulSoup) -> BeautifulSoup | Tag:
    """The page's one main part, where it says which that is."""
    for name in ("main", "article"):
        found = soup.find_all(name)
        if len(found) == 1 and len(found[0].get_text(strip=True)) > 200:
            return found[0]
    return soup


def _title(soup: BeautifulSoup) -> str:
    heading = soup.find("h1")
    if heading is not None and (said := heading.get_text(" ", strip=True)):
        return said
    return soup.title.get_text(" ", strip=True) if soup.title else ""


def _language(soup: BeautifulSoup) -> str:
    said = soup.html.get("lang") if soup.html else None
    return said.strip().lower().split("-")[0] if isinstance(said, str) else ""
