"""Bilibili's open live platform (直播开放平台): sessions started, kept and ended over HTTP, followed over a WebSocket.

https://open-live.bilibili.com/document/eba8e2e1-847d-e908-2e5c-7a1ec7d9266f (start, heartbeat, end);
https://open-live.bilibili.com/document/74eec767-e594-7ddd-6aba-257e8317c05d (codes of refusals). A session without a
heartbeat for 60 s is over.
"""

import asyncio
import contextlib
import itertools
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import httpx
import websockets
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from streaming.backoff import FIRST_S, MOST_S, Backoff
from streaming.bridges.bilibili_conversation import Conversation, Over, Session
from streaming.bridges.bilibili_signing import Keys, headers
from streaming.bridges.bilibili_wire import Operation, pack
from streaming.comment import Comment
from streaming.errors import BridgeError

log = logging.getLogger(__name__)

API: Final = "https://live-open.biliapi.com"
TIMEOUT_S: Final = 10.0
END_S: Final = 5.0
"""What the end of a session may take when somebody waits for it."""
STEADY_S: Final = 30.0
"""A session or connection that lasts so long was a good one: the next attempt comes soon again."""
ATTEMPTS: Final = 3
"""Connections that fail in a row before another session is started: its key may be used up."""
MOST_BYTES: Final = 4 << 20
"""Of a frame."""

OVER: Final = frozenset({7000, 7003})
"""No such session any more."""
SETTLING: Final = 7001
FINAL: Final = frozenset({4001, 4002, 4007, 4008, 7007, 8002})
"""Refusals that last until somebody mends something."""
ADVICE: Final = {
    4001: "check the access key",
    4002: "check the access secret",
    4003: "set this machine's clock",
    4007: "have this machine's address entered with the project",
    4008: "the project may not do this",
    7001: "the last session is being settled",
    7002: "a session of this project is running in the room; it lapses a minute after its last heartbeat",
    7007: "check the identity code (身份码): copy it anew from https://play-live.bilibili.com/",
    7010: "too many sessions of this project are running in the room",
    8002: "check the app id (项目ID)",
}


@dataclass(frozen=True, slots=True)
class Pace:
    heartbeat_s: float = 20.0
    """Of both heartbeats, as the platform asks."""
    silence_s: float = 45.0
    """A connection that says nothing for so long, not even to heartbeats, is dead."""
    first_s: float = FIRST_S
    most_s: float = MOST_S
    """Between two attempts."""
    settling_s: float = 10.0
    """Before a room that has just ended a session is asked for another."""


class Refused(Exception):
    """The platform has understood, and will not."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"Bilibili answers {code} ({message})" + (f": {ADVICE[code]}" if code in ADVICE else ""))
        self.code = code


class _Answer(BaseModel):
    code: int
    message: str = ""
    data: Any = None


def _or_empty(given: Any) -> Any:
    return "" if given is None else str(given)


class _Game(BaseModel):
    game_id: Annotated[str, BeforeValidator(_or_empty)] = ""


class _Socket(BaseModel):
    auth_body: Annotated[str, Field(min_length=1)]
    wss_link: Annotated[list[str], Field(min_length=1)]


class _Anchor(BaseModel):
    room_id: Annotated[str, BeforeValidator(_or_empty)] = ""


class _Started(BaseModel):
    game_info: _Game = _Game()
    websocket_info: _Socket
    anchor_info: _Anchor = _Anchor()


class OpenLive:
    """The platform's three requests. Each raises Refused, or httpx.HTTPError when nobody understands it."""

    def __init__(self, http: httpx.AsyncClient, keys: Keys) -> None:
        self._http, self._keys = http, keys

    async def start(self) -> Session:
        data = await self._ask("/v2/app/start", code=self._keys.code, app_id=self._keys.app_id)
        try:
            started = _Started.model_validate(data)
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"]))
            raise httpx.DecodingError(f"its answer to the start lacks {where or 'data'}") from None
        socket = started.websocket_info
        room = started.anchor_info.room_id
        return Session(started.game_info.game_id, socket.auth_body, tuple(socket.wss_link), room)

    async def heartbeat(self, game_id: str) -> None:
        await self._ask("/v2/app/heartbeat", game_id=game_id)

    async def end(self, game_id: str) -> None:
        await self._ask("/v2/app/end", app_id=self._keys.app_id, game_id=game_id)

    async def _ask(self, path: str, **fields: str | int) -> Any:
        body = json.dumps(fields).encode()
        signed = headers(self._keys, body, uuid.uuid4().hex, int(time.time()))
        response = await self._http.post(path, content=body, headers=signed)
        try:
            answer = _Answer.model_validate_json(response.content)
        except ValidationError:
            raise httpx.DecodingError(f"it answered {path} with status {response.status_code}") from None
        if answer.code:
            raise Refused(answer.code, answer.message)
        return answer.data


class Bilibili:
    """One room there, followed for ever."""

    def __init__(self, keys: Keys, put: Callable[[Comment], None], api: str = API, pace: Pace | None = None) -> None:
        self._keys, self._put = keys, put
        self._address = api
        self._pace = pace or Pace()
        self._conversation = Conversation()

    async def run(self) -> None:
        """Until cancelled, which ends the session. Raises BridgeError when the first start is refused for good."""
        backoff = Backoff(self._pace.first_s, self._pace.most_s)
        taken = False
        async with httpx.AsyncClient(base_url=self._address, timeout=TIMEOUT_S) as http:
            api = OpenLive(http, self._keys)
            while True:
                begun, least_s = time.monotonic(), 0.0
                try:
                    async with _started(api) as session:
                        taken = True
                        log.info("Bilibili's room %s: the session has begun", session.room)
                        reason = (await self._follow(api, session)).value
                except Refused as refused:
                    if refused.code in FINAL and not taken:
                        raise BridgeError(str(refused)) from None  # later it may be the platform's mistake
                    reason = str(refused)
                    least_s = self._pace.settling_s if refused.code == SETTLING else 0.0
                except httpx.HTTPError as error:
                    reason = f"Bilibili cannot be reached: {_why(error)}"
                except Exception as error:  # whatever it was, the bridge must come back
                    log.exception("the bridge broke")
                    reason = _why(error)
                if time.monotonic() - begun > STEADY_S:
                    backoff.reset()
                wait_s = max(backoff.next(), least_s)
                log.warning("%s; starting anew in %.0f s", reason, wait_s)
                await asyncio.sleep(wait_s)

    async def _follow(self, api: OpenLive, session: Session) -> Over:
        tasks = [asyncio.create_task(self._listen(session), name="Bilibili's long connection")]
        if session.game_id:
            tasks.append(asyncio.create_task(self._beat(api, session.game_id), name="Bilibili's heartbeat"))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _beat(self, api: OpenLive, game_id: str) -> Over:
        while True:
            await asyncio.sleep(self._pace.heartbeat_s)
            try:
                await api.heartbeat(game_id)
            except Refused as refused:
                if refused.code in OVER:
                    return Over.LAPSED
                log.warning("heartbeat: %s", refused)
            except httpx.HTTPError as error:
                log.warning("heartbeat: Bilibili cannot be reached: %s", _why(error))

    async def _listen(self, session: Session) -> Over:
        backoff = Backoff(self._pace.first_s, self._pace.most_s)
        failed = 0
        for link in itertools.cycle(session.links):
            begun = time.monotonic()
            try:
                return await self._connected(link, session)
            except (OSError, websockets.WebSocketException) as error:
                reason = _why(error)
            failed = 1 if self._conversation.authorized else failed + 1
            if failed >= max(ATTEMPTS, len(session.links)):
                return Over.UNREACHABLE
            if time.monotonic() - begun > STEADY_S:
                backoff.reset()
            wait_s = backoff.next()
            log.warning("Bilibili's long connection broke: %s; connecting again in %.0f s", reason, wait_s)
            await asyncio.sleep(wait_s)
        raise AssertionError("a session has links")

    async def _connected(self, link: str, session: Session) -> Over:
        """One connection, until the session is over. Raises OSError or WebSocketException when it breaks."""
        conversation, clock = self._conversation, asyncio.get_running_loop().time
        greeting = conversation.begin(session)
        async with websockets.connect(
            link, compression=None, ping_interval=None, open_timeout=TIMEOUT_S, close_timeout=2, max_size=MOST_BYTES
        ) as socket:
            await socket.send(greeting)
            heard = clock()
            beat = heard + self._pace.heartbeat_s
            while conversation.over is None:
                if clock() >= beat:
                    await socket.send(pack(Operation.HEARTBEAT))
                    beat = clock() + self._pace.heartbeat_s
                dead = heard + self._pace.silence_s
                try:
                    async with asyncio.timeout_at(min(beat, dead)):
                        frame = await socket.recv()
                except TimeoutError:
                    if clock() >= dead:
                        raise TimeoutError(f"silent for {self._pace.silence_s:g} s") from None
                    continue
                heard = clock()
                authorized = conversation.authorized
                for comment in conversation.receive(frame):
                    self._put(comment)
                if conversation.authorized and not authorized:
                    log.info("Bilibili's room %s is followed", session.room)
            return conversation.over


@contextlib.asynccontextmanager
async def _started(api: OpenLive) -> AsyncIterator[Session]:
    """A session, ended whatever happens; one that begins while somebody ends the bridge, too."""
    starting = asyncio.ensure_future(api.start())
    try:
        session = await asyncio.shield(starting)
    except asyncio.CancelledError:
        with contextlib.suppress(Refused, httpx.HTTPError, TimeoutError):
            async with asyncio.timeout(END_S):
                await _end(api, await starting)
        raise
    try:
        yield session
    finally:
        await _end(api, session)


async def _end(api: OpenLive, session: Session) -> None:
    if not session.game_id:
        return
    try:
        async with asyncio.timeout(END_S):
            await api.end(session.game_id)
    except Refused as refused:
        if refused.code not in OVER:
            log.warning("the session's end: %s", refused)
    except (httpx.HTTPError, TimeoutError) as error:
        log.warning("the session could not be ended, and lapses in a minute: %s", _why(error))


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
