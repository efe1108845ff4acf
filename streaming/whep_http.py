"""WHEP over HTTP (draft-ietf-wish-whep): an SDP offer in, the answer out, and the end of it; players of any site."""

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast, get_args

from aiortc import RTCIceServer
from fastapi import FastAPI, HTTPException, Request, Response
from starlette.requests import HTTPConnection

from streaming.body import read_body
from streaming.errors import OfferError
from streaming.offer import Rendition
from streaming.problems import problems
from streaming.whep import Whep

SDP: Final = "application/sdp"
MAX_OFFER: Final = 65_536
"""Bytes of an SDP offer; Chromium's largest are about 8 KiB."""
CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, Link",
}
OTHERS: Final = ["GET", "HEAD", "PUT", "PATCH"]
"""Methods that neither address has."""
PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Authorization",
    "Access-Control-Max-Age": "86400",
    "Accept-Post": SDP,
}


OFFER: Final = {"requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}}}

_PATH: Final = re.compile(r"/rooms/[^/]+/whep(/[^/]+)?")


class HasWhep(Protocol):
    """What of a room is asked for here."""

    @property
    def whep(self) -> Whep: ...


def add_whep(
    app: FastAPI,
    find: Callable[[str], HasWhep],
    ice_servers: Sequence[RTCIceServer] = (),
    admit: Callable[[HTTPConnection, str], None] = lambda connection, room: None,
) -> None:
    """``find`` gives a room by its name, or raises HTTPException, and ``admit`` does for who may not see it."""
    links = [link(url, server) for server in ice_servers for url in _urls(server)]

    @app.middleware("http")
    async def open_to_all(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        if _PATH.fullmatch(request.url.path):  # errors too, or a player of another site could not read them
            response.headers.update(CORS)
        return response

    def answered(response: Response) -> Response:
        for one in links:
            response.headers.append("Link", one)
        return response

    @app.options("/rooms/{room}/whep", status_code=204, include_in_schema=False)
    @app.options("/rooms/{room}/whep/{connection}", status_code=204, include_in_schema=False)
    async def options(room: str, connection: str | None = None) -> Response:
        return answered(Response(status_code=204, headers=PREFLIGHT))

    answers = problems(
        operators=False,
        e400="An offer that cannot be answered.",
        e401="No pass to a private room.",
        e403="A pass to a private room that has ended.",
        e413="Too long for an offer.",
        e415="Offers are application/sdp.",
    )

    @app.post("/rooms/{room}/whep", status_code=201, responses=answers, openapi_extra=OFFER, tags=["webrtc"])
    async def begin(room: str, request: Request, viewer: str | None = None, rendition: str = "auto") -> Response:
        found = find(room)
        admit(request, room)
        if rendition not in get_args(Rendition):
            raise HTTPException(400, f"rendition is one of {', '.join(get_args(Rendition))}, not {rendition!r}")
        offer = await offer_in(request)
        connection, answer = await found.whep.answer(
            offer, viewer or secrets.token_urlsafe(12), cast(Rendition, rendition)
        )
        return answered(Response(answer, 201, {"Location": f"/rooms/{room}/whep/{connection}"}, media_type=SDP))

    @app.delete("/rooms/{room}/whep/{connection}", responses=problems(operators=False), tags=["webrtc"])
    async def end(room: str, connection: str) -> Response:
        if not await find(room).whep.close(connection):
            raise HTTPException(404, "there is no such connection; it has ended already")
        return Response(status_code=200)

    @app.api_route("/rooms/{room}/whep", methods=[*OTHERS, "DELETE"], include_in_schema=False)
    async def not_here(room: str) -> Response:
        raise HTTPException(405, "POST an SDP offer here", {"Allow": "POST, OPTIONS"})

    @app.api_route("/rooms/{room}/whep/{connection}", methods=[*OTHERS, "POST"], include_in_schema=False)
    async def not_there(room: str, connection: str) -> Response:
        # Candidates come with the offer and the answer; a player that trickles is told so (section 4.3 of the draft).
        raise HTTPException(
            405, "this connection is not changed any more, only ended: DELETE", {"Allow": "DELETE, OPTIONS"}
        )


def link(url: str, server: RTCIceServer) -> str:
    """A Link header's value for one address of a STUN or TURN server."""
    parts = [f"<{url}>", 'rel="ice-server"']
    if server.username:
        parts += [
            f'username="{_quoted(server.username)}"',
            f'credential="{_quoted(str(server.credential))}"',
            'credential-type="password"',
        ]
    return "; ".join(parts)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _urls(server: RTCIceServer) -> list[str]:
    urls: Any = server.urls
    return [urls] if isinstance(urls, str) else list(urls)


async def offer_in(request: Request) -> str:
    """The SDP offer of a request. Raises HTTPException or :class:`OfferError` when it has none."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != SDP:
        raise HTTPException(415, f"send the SDP offer as Content-Type: {SDP}", {"Accept-Post": SDP})
    try:
        body = await read_body(request, MAX_OFFER, f"an SDP offer may have {MAX_OFFER} bytes at most")
        return body.decode()
    except UnicodeDecodeError:
        raise OfferError("the SDP offer is not text") from None
