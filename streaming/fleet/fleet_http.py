"""What a gateway knows of its fleet's rooms, and giving one away: for operators."""

import logging
from collections.abc import Mapping
from typing import Annotated

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from streaming.fleet.ownership import Ownership
from streaming.on_air import OnAir
from streaming.operator import Operator, Operators
from streaming.problems import problems

log = logging.getLogger(__name__)


class FleetRoom(BaseModel):
    """A room, as this gateway sees it."""

    id: str
    here: bool
    address: str = Field(description="Of the gateway that runs it; empty: nobody is known to.")
    held: bool = Field(description="It may speak here: its lease has not run out.")
    drained: bool = Field(description="This gateway does not take it.")
    on_air: bool = Field(description="Its stage runs here.")
    viewers: int
    waiting: int


class Draining(BaseModel):
    drained: bool = Field(description="Give the room away, and do not take it; or take it again when it is free.")


def add_fleet(app: FastAPI, ownership: Ownership, rooms: Mapping[str, OnAir], operators: Operators) -> None:
    def seen(room: str) -> FleetRoom:
        on_air = rooms.get(room)
        return FleetRoom(
            id=room,
            here=on_air is not None,
            address=ownership.leases[room].address,
            held=ownership.held(room),
            drained=ownership.drained(room),
            on_air=on_air is not None and on_air.stage.ready is not None,
            viewers=on_air.viewers if on_air else 0,
            waiting=on_air.core.waiting if on_air else 0,
        )

    @app.get("/api/fleet", responses=problems(), tags=["fleet"])
    async def show(_: Annotated[Operator, operators.needs("operator")]) -> list[FleetRoom]:
        """All rooms of the fleet."""
        return [seen(room) for room in ownership.leases]

    @app.patch("/api/fleet/{room}", responses=problems(), tags=["fleet"])
    async def drain(
        room: str, draining: Draining, operator: Annotated[Operator, operators.needs("admin")]
    ) -> FleetRoom:
        """Have another gateway run a room, as before this one is taken down."""
        if room not in ownership.leases:
            raise HTTPException(404, f"there is no room '{room}' here; rooms: {', '.join(ownership.leases)}")
        log.warning("%s %s %s", operator.name, "drains" if draining.drained else "takes back", room)
        (ownership.leave if draining.drained else ownership.stay)(room)
        return seen(room)
