"""Documents put and removed over HTTP, into a real folder and a real library."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from knowledge.library import Library
from streaming.documents_http import add_documents
from streaming.operator import Operator, Operators
from tests.knowledge.test_answerer import WordCounts
from tests.streaming.test_fetching import Site, answer, page


@asynccontextmanager
async def room(
    tmp_path: Path, fetch_from: Collection[str] = (), noted: list[str] | None = None
) -> AsyncIterator[tuple[httpx.AsyncClient, Library]]:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# Museum\n\n## Hours\n\nOpen from nine to five.")
    library = await Library.open(docs, tmp_path / "index.db", WordCounts())
    app = FastAPI()
    operators = Operators(tmp_path)

    def note(room: str, operator: Operator, did: str) -> None:
        if noted is not None:
            noted.append(did)

    add_documents(app, lambda _: library, operators, note, lambda _: fetch_from)
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


async def test_a_document_is_fetched_and_fetched_again(tmp_path: Path) -> None:
    noted: list[str] = []
    async with Site(
        {"/visit?key=s": page(body=b"<h1>Cafe</h1><p>The cafe is on the second floor.</p>")}
    ).served() as site:
        here = f"127.0.0.1:{site.port}"
        async with room(tmp_path, [here], noted) as (client, library):
            asked = {"url": f" http://{here}/visit?key=s "}
            for text in ("second floor", "third floor"):
                fetched = await client.post("/rooms/m/documents", json=asked)
                assert (fetched.status_code, fetched.json()) == (201, {"source": "visit_key=s.html", "passages": 1})
                found = await library.search("where is the cafe", language="en")
                assert text in found.hits[0].passage.text
                site.pages["/visit?key=s"] = page(body=b"<h1>Cafe</h1><p>The cafe is on the third floor.</p>")
            assert [one.source for one in await library.listed()] == ["a.md", "visit_key=s.html"]
        assert noted == [f"puts the document visit_key=s.html from http://{here}/visit"] * 2


async def test_what_cannot_be_fetched_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    pages = {
        "/empty": page(body=b"<p></p>"),
        "/picture": answer("Content-Type: image/png"),
        "/large": answer("Content-Type: text/html", "Content-Length: 99999999"),
        "/gone": answer(status="404 Not Found", body=b"a secret"),
    }
    async with Site(pages).served() as site:
        here = f"127.0.0.1:{site.port}"
        async with room(tmp_path, [here]) as (client, _):
            for url, status, said in (
                ("file:///etc/passwd", 400, "https://"),
                ("http://127.0.0.1/", 400, "fetch_from"),
                (f"http://{here}/empty", 422, "empty.html has no text"),
                (f"http://{here}/picture", 422, "no kind"),
                (f"http://{here}/large", 413, "64 MB"),
                (f"http://{here}/gone", 502, "status 404"),
                ("", 422, ""),
                ("http://docs.example/" + "a" * 2000, 422, ""),
            ):
                told = await client.post("/rooms/m/documents", json={"url": url})
                assert told.status_code == status, url
                assert said in told.text
                assert "secret" not in told.text
        assert [file.name for file in (tmp_path / "docs").iterdir()] == ["a.md"]


async def test_only_the_operator(tmp_path: Path) -> None:
    async with room(tmp_path) as (client, _):
        client.headers.pop("Authorization")
        for method, path in (("GET", ""), ("POST", ""), ("PUT", "/b.md"), ("DELETE", "/a.md")):
            assert (await client.request(method, f"/rooms/m/documents{path}")).status_code == 401
        assert (tmp_path / "docs" / "a.md").exists()
