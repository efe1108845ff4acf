"""How a gateway is: for load balancers, for monitoring, and for people."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse

from streaming import metrics
from streaming.house import House
from streaming.on_air import OnAir

STILL_S: Final = 2.0
"""Without a picture for so long, a room is not on air, whatever its stage says."""


def ailments(house: House) -> Iterator[str]:
    """Everything that is not as it should be, in words."""
    for need in house.engines.missing:
        yield f"{need.name}: {need.error or 'is still arriving, or being started again'}"
    for room, on_air in house.rooms.items():
        yield from (f"{room}: {what}" for what in _of_room(on_air))
    if (ownership := house.ownership) is not None:
        if (lost := ownership.lost_s) is not None:
            yield f"Redis does not answer since {lost:.0f} s"
        yield from (f"{room}: no gateway runs it" for room in house.elsewhere() if not ownership.leases[room].address)


def _of_room(on_air: OnAir) -> Iterator[str]:
    if on_air.stage.ready is None:
        yield f"no picture: {on_air.stage.error or 'its stage is being started'}"
    elif (still := on_air.still_s) is not None and still > STILL_S:
        yield f"no picture for {still:.0f} s"
    if on_air.report is not None and on_air.report.half:
        yield "the machine is too busy for all pictures; every second one is shown"
    if not on_air.can_answer:
        yield "cannot answer: its documents are being read, or could not be"
    for outlet in on_air.outlets:
        if outlet.state != "live":
            yield f"{outlet.name} is {outlet.state}" + (f": {outlet.error}" if outlet.error else "")
    if on_air.file_error:
        yield f"goes on as its file was before: {on_air.file_error}"


def add_health(app: FastAPI, house: House) -> None:
    @app.get("/healthz", tags=["health"])
    async def health() -> dict[str, Any]:
        """Alive, and how: `status` is `ready` or `degraded`; `degraded` says what is not as it should be."""
        wrong = list(ailments(house))
        return {
            "status": "degraded" if wrong else "ready",
            "degraded": wrong,
            "missing": house.status()["missing"],
            "rooms": [await _described(house, on_air) for on_air in house.rooms.values()],
            "elsewhere": house.elsewhere(),
        }

    @app.get("/readyz", responses={503: {"description": "Viewers would miss a room."}}, tags=["health"])
    async def ready(response: Response) -> dict[str, Any]:
        """200 while viewers who are sent here see every room, as load balancers ask; else 503."""
        waiting = [room for room, on_air in house.rooms.items() if on_air.stage.ready is None or on_air.silenced]
        if (ownership := house.ownership) is not None:
            waiting += [room for room in house.elsewhere() if not ownership.leases[room].address]
        response.status_code = 503 if waiting else 200
        return {"ready": not waiting, "waiting": waiting}

    @app.get("/metrics", response_class=PlainTextResponse, tags=["health"])
    async def show_metrics() -> PlainTextResponse:
        """In Prometheus's text format."""
        text = metrics.render(house.rooms.values(), house.ownership, house.engines.needs, house.lag.worst_s)
        return PlainTextResponse(text, media_type=metrics.CONTENT_TYPE)


async def _described(house: House, on_air: OnAir) -> dict[str, Any]:
    progress = await house.progress(on_air.settings.id)
    ready = on_air.stage.ready
    return {
        "id": on_air.settings.id,
        "on_air": ready is not None,
        "can_answer": on_air.can_answer,
        "passages": progress.passages if progress else 0,
        "embedded": progress.embedded if progress else 0,
        "error": on_air.stage.error,
        "viewers": on_air.viewers,
        "waiting": on_air.core.waiting,
        "stage_restarts": on_air.stage.restarts,
        "encoder": ready.encoder if ready else None,
        "outlets": [{"name": outlet.name, "state": outlet.state, "error": outlet.error} for outlet in on_air.outlets],
    }
