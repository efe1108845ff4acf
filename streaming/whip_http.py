"""WHIP over HTTP (RFC 9725), behind the operator's token: an SDP offer in, the answer out, and the end of it."""

from collections.abc import Callable
from typing import Annotated, Protocol

from fastapi import FastAPI, HTTPException, Request, Response

from streaming.operator import Operator, Operators
from streaming.problems import problems
from streaming.whep_http import OFFER, SDP, offer_in
from streaming.whip import Whip


class HasWhip(Protocol):
    @property
    def whip(self) -> Whip: ...


def add_whip(app: FastAPI, find: Callable[[str], HasWhip], operators: Operators) -> None:
    """``find`` gives a room by its name, or raises HTTPException."""

    answers = problems(
        e400="An offer that cannot be answered.",
        e409="Somebody else speaks through the host.",
        e413="Too long for an offer.",
        e415="Offers are application/sdp.",
    )

    @app.post("/rooms/{room}/whip", status_code=201, responses=answers, openapi_extra=OFFER, tags=["webrtc"])
    async def begin(room: str, request: Request, _: Annotated[Operator, operators.needs("operator")]) -> Response:
        connection, answer = await find(room).whip.answer(await offer_in(request))
        return Response(answer, 201, {"Location": f"/rooms/{room}/whip/{connection}"}, media_type=SDP)

    @app.delete("/rooms/{room}/whip/{connection}", responses=problems(), tags=["webrtc"])
    async def end(
        room: str, connection: str, request: Request, _: Annotated[Operator, operators.needs("operator")]
    ) -> Response:
        if not await find(room).whip.close(connection):
            raise HTTPException(404, "there is no such connection; it has ended already")
        return Response(status_code=200)
