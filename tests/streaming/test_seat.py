"""What a viewer is told, and in which order."""

import asyncio

from streaming.seat import IN_ORDER_S, OUTBOX, Seat


async def truth(after: asyncio.Event, comes: bool = True) -> bool:
    await after.wait()
    return comes


async def test_what_holds_only_later_is_waited_for() -> None:
    seat, kept = Seat("v"), asyncio.Event()
    seat.put("accepted", asyncio.create_task(truth(kept)))
    seat.put("moved")
    first = asyncio.create_task(seat.next())
    await asyncio.sleep(IN_ORDER_S / 10)
    assert not first.done()
    kept.set()
    assert [await first, await seat.next()] == ["accepted", "moved"]


async def test_what_takes_too_long_is_told_when_it_holds() -> None:
    seat, kept = Seat("v"), asyncio.Event()
    seat.put("accepted", asyncio.create_task(truth(kept)))
    seat.put("moved")
    assert await seat.next() == "moved"
    kept.set()
    assert await seat.next() == "accepted"


async def test_what_does_not_come_true_is_never_told() -> None:
    seat, ended = Seat("v"), asyncio.Event()
    ended.set()
    lost = asyncio.create_task(asyncio.sleep(9, True))
    for once in (asyncio.create_task(truth(ended, comes=False)), lost):
        seat.put("accepted", once)
    lost.cancel()
    seat.put("moved")
    assert await seat.next() == "moved"


def test_who_takes_nothing_is_noticed() -> None:
    seat = Seat("v")
    for _ in range(OUTBOX):
        seat.put("more")
    assert not seat.overflowed.is_set()
    seat.put("more")
    assert seat.overflowed.is_set()
