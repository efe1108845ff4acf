"""Tasks that end when they are told to."""

import asyncio

import pytest

from streaming.tasks import heeding


async def forgetful() -> str:
    """As wait_for was until Python 3.12."""
    try:
        await asyncio.sleep(9)
    except asyncio.CancelledError:
        return "done"
    return "slept"


async def test_who_is_cancelled_ends_even_in_what_forgets_it() -> None:
    task = asyncio.create_task(heeding(forgetful()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_limit_is_heeded_too() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await heeding(forgetful())
    assert await heeding(asyncio.sleep(0, "slept")) == "slept"
