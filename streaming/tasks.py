"""Tasks that nobody waits for: kept until they end, since the event loop itself does not."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


def keep(tasks: set["asyncio.Task[Any]"], work: Awaitable[T]) -> "asyncio.Task[T]":
    """Run ``work`` as a task that is in ``tasks`` while it runs."""
    task = asyncio.ensure_future(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task


async def heeding(work: Awaitable[T]) -> T:
    """``work``, cancelled when it is told to: before Python 3.12, ``asyncio.wait_for`` (with which redis-py sends)
    forgets a cancellation that comes as it ends.
    """
    try:
        return await work
    finally:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError
