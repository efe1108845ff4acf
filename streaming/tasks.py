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
