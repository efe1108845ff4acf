"""Pushed to a live platform: RTMP or RTMPS, with a stream key that is asked for anew at each connection."""

import asyncio
import os
import signal
import ssl
from asyncio.subprocess import DEVNULL, PIPE
from typing import Final
from urllib.parse import urlsplit

from streaming.errors import OutletError
from streaming.labels import Labels
from streaming.outlets.target import LABELS, Opening, metadata
from streaming.roomfile import Push

KEY_S: Final = 30.0
"""What the command that prints the key may take."""
VERIFY_S: Final = 10.0
CERTIFICATES: Final = ssl.create_default_context
RENEW_S: Final = 20 * 86_400.0
"""FLV counts milliseconds in 31 bits: after 24 days they begin anew, which players do not foresee."""


class RtmpPush:
    def __init__(self, settings: Push, size: tuple[int, int], labels: Labels = LABELS) -> None:
        self._settings, self._size, self._labels = settings, size, labels
        self.name = settings.shown

    async def open(self, now: float) -> Opening:
        key = await self._key()
        url = self._settings.url or ""
        if key.startswith(("rtmp://", "rtmps://")):  # platforms that give out the whole address a session
            url = key
        elif not url:
            raise OutletError("without a url, key_command must print an address that begins with rtmp:// or rtmps://")
        elif key:
            url = f"{url.rstrip('/')}/{key}"
        width, height = self._size
        options = {"flvflags": "no_duration_filesize"}
        if url.startswith("rtmps://"):
            await _verify(url)
        return Opening(url, "flv", width, height, options, metadata(self._labels))

    async def check(self) -> None:
        pass

    def renew_at(self, now: float) -> float:
        return now + RENEW_S

    async def _key(self) -> str:
        settings = self._settings
        if settings.key_env is not None:
            if not (key := os.environ.get(settings.key_env, "").strip()):
                raise OutletError(f"the environment variable {settings.key_env} holds no stream key")
            return key
        if settings.key_command is None:
            return ""
        return await self._ask(settings.key_command)

    async def _ask(self, command: list[str]) -> str:
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, start_new_session=True)
        except OSError as error:
            raise OutletError(f"key_command cannot be run: {error}") from None
        try:
            async with asyncio.timeout(KEY_S):
                out, _ = await process.communicate()
        except TimeoutError:
            raise OutletError(f"key_command took longer than {KEY_S:g} s") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)  # and what it has started itself
                await process.wait()
        key = out.decode(errors="replace").strip()
        if process.returncode or not key or len(key.split()) > 1:
            raise OutletError(
                f"key_command must print one word, a stream key or an address; it ended with {process.returncode}"
            )
        return key


async def _verify(url: str) -> None:
    """Whether the server is who it says: FFmpeg does not ask, and is about to tell it the stream key."""
    address = urlsplit(url)
    try:
        async with asyncio.timeout(VERIFY_S):
            _, writer = await asyncio.open_connection(address.hostname, address.port or 443, ssl=CERTIFICATES())
            writer.close()
            await writer.wait_closed()
    except ssl.SSLError as error:
        why = error.reason or error
        raise OutletError(f"{address.hostname} has no certificate that can be trusted: {why}") from None
    except (OSError, ValueError) as error:
        raise OutletError(f"{address.hostname} cannot be reached: {error or type(error).__name__}") from None
