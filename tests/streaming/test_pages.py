"""The pages as files: whole, in two languages, and fit for a strict content security policy."""

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

import streaming

PAGES = Path(streaming.__file__).parent / "pages"
JS = PAGES / "static" / "js"
LOGIC = Path(__file__).parent / "pages"
HTML = sorted(PAGES.glob("*.html"))
MODULES = sorted(JS.glob("*.js"))
NODE = shutil.which("node")
SVG_NAMESPACE = "http://www.w3.org/2000/svg"
PARSE = """
import { readFileSync } from "node:fs";
import { SourceTextModule } from "node:vm";
for (const file of process.argv.slice(1)) new SourceTextModule(readFileSync(file, "utf8"), { identifier: file });
"""

needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


class Tags(HTMLParser):
    """All start tags of a page, and the text inside its script and style elements."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self.feed(page.read_text())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is not None:
            self.inline += data


def strings() -> set[str]:
    return set(re.findall(r'^    "([\w.]+)":', (JS / "i18n.js").read_text(), re.MULTILINE))


def words_in_html() -> set[str]:
    return {
        value
        for page in HTML
        for _, attributes in Tags(page).tags
        for name, value in attributes.items()
        if name.startswith("data-i18n") and value
    }


def test_there_are_pages_and_modules() -> None:
    assert {page.name for page in HTML} == {"index.html", "room.html", "kiosk.html", "console.html", "cutout.html"}
    assert len(MODULES) > 10


def test_html_asks_only_for_words_that_exist() -> None:
    assert words_in_html() - strings() == set()


def test_modules_and_pages_use_every_word_and_no_other() -> None:
    code = "\n".join(module.read_text() for module in MODULES if module.name != "i18n.js")
    code += (JS / "i18n.js").read_text().partition("const TAGS")[2]
    literal = set(re.findall(r'\bt\(\s*"([\w.]+)"', code))
    assert literal - strings() == set()
    # Words chosen at run time: t(`why.${reason}`), known("rejected", code), `air.${state}`.
    families = set(re.findall(r"\bt\(`([\w.]+)\.\$\{", code)) | set(re.findall(r'\bknown\("([\w.]+)"', code))
    for family in families:
        assert any(key.startswith(family + ".") for key in strings()), family
    quoted = set(re.findall(r'"([a-z]+(?:\.[a-z_]+)+)"', code))
    unused = {
        key
        for key in strings() - words_in_html() - quoted
        if not any(key.startswith(family + ".") for family in families)
    }
    assert unused == set()


@pytest.mark.parametrize("page", HTML, ids=lambda page: page.name)
def test_nothing_inline(page: Path) -> None:
    parsed = Tags(page)
    assert parsed.inline.strip() == ""
    for tag, attributes in parsed.tags:
        assert "style" not in attributes, tag
        assert not any(name.startswith("on") for name in attributes), tag
        assert tag != "style"


@pytest.mark.parametrize("page", HTML, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    sprite = (PAGES / "static/img/icons.svg").read_text()
    ids: list[str] = []
    for _, attributes in Tags(page).tags:
        ids += [value for name, value in attributes.items() if name == "id" and value]
        target = attributes.get("src") or attributes.get("href") or ""
        path, _, fragment = target.partition("#")
        if path.startswith("/static/"):
            assert (PAGES / path.removeprefix("/")).is_file(), target
            assert not fragment or f'id="{fragment}"' in sprite, target
    assert len(ids) == len(set(ids))


def test_modules_import_each_other_by_what_is_exported() -> None:
    for module in MODULES:
        for names, source in re.findall(
            r'^import \{([^}]+)\} from "\./([\w-]+\.js)";', module.read_text(), re.MULTILINE
        ):
            exported = (JS / source).read_text()
            for name in names.replace("\n", " ").split(","):
                if name.strip():
                    pattern = rf"^export (?:const|class|(?:async )?function) {name.strip()}\b"
                    assert re.search(pattern, exported, re.MULTILINE), f"{module.name}: {name.strip()} of {source}"


def test_icons_drawn_by_modules_exist() -> None:
    sprite = (PAGES / "static/img/icons.svg").read_text()
    code = "\n".join(module.read_text() for module in MODULES)
    drawn = set(re.findall(r'\bicon\("([\w-]+)"\)', code))
    assert drawn
    assert {name for name in drawn if f'id="{name}"' not in sprite} == set()


def test_elements_that_modules_look_for_are_on_their_pages() -> None:
    shared = set(re.findall(r'find\("#([\w-]+)"\)', (JS / "visit.js").read_text()))
    for entry, page, also in (
        ("room.js", "room.html", shared),
        ("kiosk.js", "kiosk.html", shared),
        ("rooms.js", "index.html", set()),
        ("console.js", "console.html", set()),
    ):
        wanted = also | set(re.findall(r'find\("#([\w-]+)', (JS / entry).read_text()))
        present = {attributes["id"] for _, attributes in Tags(PAGES / page).tags if "id" in attributes}
        assert wanted
        assert wanted - present == set(), page


def test_nothing_comes_from_elsewhere() -> None:
    for file in PAGES.rglob("*"):
        if file.suffix in {".html", ".css", ".js", ".svg"}:
            text = file.read_text().replace(SVG_NAMESPACE, "")
            assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text), file
            assert "@import" not in text, file
            assert "innerHTML" not in text, file


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The modules where Node takes them for modules."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "package.json").write_text(json.dumps({"type": "module"}))
    shutil.copytree(JS, folder / "js")
    return folder / "js"


@needs_node
def test_modules_are_well_formed(modules: Path) -> None:
    command = [str(NODE), "--experimental-vm-modules", "--input-type=module", "--eval", PARSE]
    command += map(str, modules.glob("*.js"))
    parsed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert parsed.returncode == 0, parsed.stderr


@needs_node
def test_logic(modules: Path) -> None:
    run = subprocess.run(
        [str(NODE), "--test", LOGIC / "logic.test.mjs"],
        env={**os.environ, "PAGES_JS": str(modules)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"\bpass [1-9]", run.stdout), run.stdout
