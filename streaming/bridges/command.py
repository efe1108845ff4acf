"""``everhost bridge``: something is read, and posted, until it ends or somebody ends it."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from streaming.bridges.bilibili import API, Bilibili
from streaming.bridges.bilibili_signing import Keys
from streaming.bridges.lines import read_lines
from streaming.bridges.post import Gateway, Post
from streaming.comment import Comment
from streaming.errors import BridgeError

log = logging.getLogger(__name__)

FLUSH_S: Final = 3.0
"""What was heard last may take so long to post when somebody ends the bridge."""

Read = Callable[[Callable[[Comment], None]], Coroutine[Any, Any, None]]
"""Reads from a platform and puts what it hears, until it is cancelled or there is no more."""


def run_bilibili(gateway: Gateway, variables: Mapping[str, str], api: str | None) -> int:
    """``variables`` names the environment variable of each key. Raises BridgeError."""
    keys = bilibili_keys(variables)
    if api is not None and not api.startswith(("http://", "https://")):
        raise BridgeError(f"--api {api}: give an address, as {API}")
    logging.getLogger("websockets").setLevel(logging.INFO)  # it would write the session's key down
    return _run(lambda put: Bilibili(keys, put, api or API).run(), gateway)


def run_lines(gateway: Gateway) -> int:
    """Raises BridgeError."""
    return _run(read_lines, gateway)


def bilibili_keys(variables: Mapping[str, str]) -> Keys:
    """Raises BridgeError that names every variable that is missing."""
    found = {key: os.environ.get(name, "").strip() for key, name in variables.items()}
    if missing := [variables[key] for key, value in found.items() if not value]:
        raise BridgeError(f"the environment lacks {', '.join(missing)}; docs/bridges.md says where Bilibili gives them")
    if not found["app_id"].isdecimal():
        raise BridgeError(f"{variables['app_id']} must be the project's number (项目ID), as 1700000000000")
    return Keys(found["access_key"], found["access_secret"], int(found["app_id"]), found["code"])


def _run(read: Read, gateway: Gateway) -> int:
    async def until_stopped() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def ask_to_stop() -> None:
            for one in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(one)  # a second one ends it at once
            stop.set()

        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, ask_to_stop)
        log.info("what happens is posted to %s", gateway.comments)
        await carry(read, Post(gateway), stop)

    asyncio.run(until_stopped())
    return 0


async def carry(read: Read, post: Post, stop: asyncio.Event) -> None:
    """Until there is no more to read and all is posted, or ``stop`` is set. Raises BridgeError."""
    reading = asyncio.create_task(read(post.put), name="reading")
    posting = asyncio.create_task(post.run(), name="posting")
    stopping = asyncio.create_task(stop.wait(), name="stopping")
    draining: asyncio.Task[None] | None = None
    try:
        await asyncio.wait({reading, posting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if reading.done() and not reading.exception():
            draining = asyncio.create_task(post.drained(), name="draining")
            await asyncio.wait({draining, posting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        reading.cancel()
        await asyncio.wait({reading})  # it ends its session
        if not posting.done():
            last = draining or asyncio.create_task(post.drained(), name="draining")
            await asyncio.wait({last, posting}, timeout=FLUSH_S, return_when=asyncio.FIRST_COMPLETED)
            draining = last
        rest = [task for task in (posting, stopping, draining) if task is not None]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        if post.left:
            log.warning("%d could not be posted any more", post.left)
    for task in (reading, posting):
        if not task.cancelled() and (error := task.exception()):
            raise error
