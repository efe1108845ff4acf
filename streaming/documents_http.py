"""A room's documents over HTTP, behind the operator's token: which there are, one more, one less.

What is put here lies in the room's folder of documents like what anybody else puts there.
"""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final

from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from knowledge.errors import DocumentError
from knowledge.folder import MAX_BYTES, check
from knowledge.library import Library
from streaming.answering import report
from streaming.body import read_body
from streaming.fetching import FetchError, KindError, RefusedAddressError, TooLargeError, fetch
from streaming.operator import Operator, Operators
from streaming.problems import problems

FILE: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

STATUS: Final[dict[type[FetchError], int]] = {RefusedAddressError: 400, TooLargeError: 413, KindError: 422}


class Elsewhere(BaseModel):
    """Where a document is to be fetched."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    url: str = Field(min_length=1, max_length=2000, description="Of a page or a file, as https://example.com/law.pdf.")


def _nobody(room: str, operator: Operator, did: str) -> None:
    pass


def _nowhere(room: str) -> Collection[str]:
    return ()


def add_documents(
    app: FastAPI,
    library: Callable[[str], Library],
    operators: Operators,
    note: Callable[[str, Operator, str], None] = _nobody,
    fetch_from: Callable[[str], Collection[str]] = _nowhere,
) -> None:
    """``library`` gives a room's by its name, or raises HTTPException; ``note`` is told who did what to which;
    ``fetch_from`` gives the hosts that a room's documents may be fetched from though they are not public.
    """

    async def take(room: str, operator: Operator, source: str, content: bytes, origin: str = "") -> dict[str, Any]:
        known = library(room)
        file = _place(known.documents, source)
        try:
            passages = await asyncio.to_thread(check, source, content)
        except DocumentError as error:
            raise HTTPException(422, f"{source} {error}") from error
        await asyncio.to_thread(_write, file, content)
        note(room, operator, f"puts the document {source}{origin}")
        await known.refresh()
        return {"source": source, "passages": passages}

    answers = problems(
        e400="Not a place for a document, or to fetch one from.",
        e409="It cannot be written or removed.",
        e413="It is too large.",
        e503="The documents are still being read.",
    )

    @app.get("/rooms/{room}/documents", responses=answers, tags=["documents"])
    async def show(room: str, request: Request, _: Annotated[Operator, operators.needs("operator")]) -> dict[str, Any]:
        return await report(library(room))

    @app.put(
        "/rooms/{room}/documents/{source:path}",
        status_code=201,
        responses=answers,
        openapi_extra=FILE,
        tags=["documents"],
    )
    async def put(
        room: str, source: str, request: Request, operator: Annotated[Operator, operators.needs("operator")]
    ) -> dict[str, Any]:
        _place(library(room).documents, source)  # before all of it is sent
        too_much = f"a document may have {MAX_BYTES // 1_000_000} MB; split it"
        content = await read_body(request, MAX_BYTES, too_much)
        return await take(room, operator, source, content)

    @app.post(
        "/rooms/{room}/documents",
        status_code=201,
        responses={**answers, **problems(e502="It is not to be had from there.")},
        tags=["documents"],
    )
    async def fetch_one(
        room: str, elsewhere: Elsewhere, operator: Annotated[Operator, operators.needs("operator")]
    ) -> dict[str, Any]:
        library(room)  # which may not be there
        try:
            fetched = await fetch(elsewhere.url, fetch_from(room))
        except FetchError as error:
            raise HTTPException(STATUS.get(type(error), 502), str(error)) from error
        return await take(room, operator, fetched.name, fetched.content, f" from {fetched.address}")

    @app.delete("/rooms/{room}/documents/{source:path}", status_code=204, responses=answers, tags=["documents"])
    async def remove(
        room: str, source: str, request: Request, operator: Annotated[Operator, operators.needs("operator")]
    ) -> Response:
        known = library(room)
        file = _place(known.documents, source)
        try:
            await asyncio.to_thread(file.unlink)
        except OSError as error:
            status = 404 if isinstance(error, FileNotFoundError) else 409
            raise HTTPException(status, f"{source} cannot be removed: {error.strerror}") from error
        note(room, operator, f"removes the document {source}")
        await known.refresh()
        return Response(status_code=204)


def _place(folder: Path, source: str) -> Path:
    parts = PurePosixPath(source).parts
    if not parts or any(part in ("..", "/") or part.startswith(".") or "\\" in part or "\0" in part for part in parts):
        raise HTTPException(400, "name the document by its path in the room's folder, without hidden folders or '..'")
    file = folder.joinpath(*parts)
    if not file.parent.resolve().is_relative_to(folder.resolve()):
        raise HTTPException(400, f"{source} would lie outside the room's documents")
    return file


def _write(file: Path, content: bytes) -> None:
    """All at once: whoever reads the folder meanwhile sees the old file or the new one."""
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        os.replace(part, file)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise HTTPException(
            409, f"{file.name} cannot be written: {error.strerror}; may everhost write there?"
        ) from error
