"""What happens on a live platform, as its bridge posts it: questions are read out and answered, gifts thanked for.

``POST /rooms/{room}/comments``, behind the operator's token, with one comment or a list of them; the answer says what
became of each. What comes a second time, as after a lost connection, is answered once.
"""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import FastAPI, HTTPException, Request
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from streaming.body import read_body
from streaming.comment import MOST, Comment, Outcome
from streaming.on_air import OnAir
from streaming.operator import Operator, Operators
from streaming.problems import problems

_MAX_BYTES: Final = 1_000_000

_COMMENTS: Final[TypeAdapter[list[Comment]]] = TypeAdapter(
    Annotated[
        list[Comment],
        BeforeValidator(lambda given: given if isinstance(given, list) else [given]),
        Field(min_length=1, max_length=MOST),
    ]
)


def add_comments(app: FastAPI, find: Callable[[str], OnAir], operators: Operators) -> None:
    """``find`` gives a room by its name, or raises HTTPException."""
    one = Comment.model_json_schema()
    sent = {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": MOST}]}
    described = {"requestBody": {"required": True, "content": {"application/json": {"schema": sent}}}}

    @app.post(
        "/rooms/{room}/comments",
        status_code=202,
        responses=problems(e413="Too much at once.", e503="They may be lost; post them again."),
        openapi_extra=described,
        tags=["platform"],
    )
    async def post(
        room: str, request: Request, _: Annotated[Operator, operators.needs("bridge")]
    ) -> dict[str, list[Outcome]]:
        """What happened on a live platform; what became of each."""
        on_air = find(room)
        comments = _read(await read_body(request, _MAX_BYTES, f"{MOST} comments at once are enough"))
        return {"comments": [await _take(on_air, one) for one in comments]}


def _read(body: bytes) -> list[Comment]:
    try:
        return _COMMENTS.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise HTTPException(422, f"{where or 'comment'}: {first['msg']}") from None


async def _take(on_air: OnAir, comment: Comment) -> Outcome:
    if comment in on_air.seen:
        await on_air.kept()
        return Outcome(id=comment.id, outcome="repeated")
    outcome = Outcome.model_validate({"id": comment.id, **await _told(on_air, comment)})
    if outcome.outcome != "rejected":  # a full room may have a place later
        on_air.seen.add(comment.platform, comment.id)
    if outcome.question is not None:
        await on_air.kept()
    return outcome


async def _told(on_air: OnAir, comment: Comment) -> dict[str, str]:
    if comment.kind != "comment":
        await on_air.happened(comment.kind, comment.name, comment.gift)
        return {"outcome": "noted"}
    return await on_air.comment(comment.viewer, comment.id, comment.text, comment.name, comment.language)
