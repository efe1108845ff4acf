"""Documents put and removed over HTTP, into a real folder and a real library."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from knowledge.library import Library
from streaming.documents_http import add_documents
from streaming.operator import Operators
from tests.knowledge.test_answerer import WordCounts


@asynccontextmanager
async def room(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Library]]:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# Museum\n\n## Hours\n\nOpen from nine to five.")
    library = await Library.open(docs, tmp_path / "index.db", WordCounts())
    app = FastAPI()
    operators = Operators(tmp_path)
    add_documents(app, lambda _: library, operators)
    headers = {"Authorization": f"Bearer {operators.file.read_text().strip()}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://room", headers=headers) as client:
        yield client, library
    await library.aclose()


async def test_a_document_is_put_found_listed_and_removed(tmp_path: Path) -> None:
    async with room(tmp_path) as (client, library):
        content = "Question,Answer\nIs there a café?,On the second floor.\n".encode()
        answer = await client.put("/rooms/m/documents/faq/visit.csv", content=content)
        assert (answer.status_code, answer.json()) == (201, {"source": "faq/visit.csv", "passages": 1})
        found = await library.search("where is the café", language="en")
        assert found.hits[0].passage.text == "On the second floor."
        listed = (await client.get("/rooms/m/documents")).json()
        assert [one["source"] for one in listed["documents"]] == ["a.md", "faq/visit.csv"]
        assert (await client.delete("/rooms/m/documents/faq/visit.csv")).status_code == 204
        assert [one.source for one in await library.listed()] == ["a.md"]
        assert (await client.delete("/rooms/m/documents/faq/visit.csv")).status_code == 404


async def test_bad_documents_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    async with room(tmp_path) as (client, _):
        for source, content, status, said in (
            ("bad.pdf", b"no pdf", 422, "no PDF"),
            ("empty.md", b"\n", 422, "no text"),
            ("old.doc", b"x", 422, "save it as .docx"),
            ("tool.exe", b"MZ", 422, "of no kind"),
            ("../out.md", b"text", 400, ""),
            ("%2e%2e/out.md", b"text", 400, ".."),
            (".hidden/a.md", b"text", 400, "hidden"),
            ("a.md/b.md", b"text", 409, "cannot be written"),
        ):
            answer = await client.put(f"/rooms/m/documents/{source}", content=content)
            assert answer.status_code in (status, 404 if source.startswith("..") else status), source
            assert said in answer.text
        assert sorted(file.name for file in (tmp_path / "docs").iterdir()) == ["a.md"]
        assert not (tmp_path / "out.md").exists()


async def test_only_the_operator(tmp_path: Path) -> None:
    async with room(tmp_path) as (client, _):
        client.headers.pop("Authorization")
        for method, path in (("GET", ""), ("PUT", "/b.md"), ("DELETE", "/a.md")):
            assert (await client.request(method, f"/rooms/m/documents{path}")).status_code == 401
        assert (tmp_path / "docs" / "a.md").exists()
