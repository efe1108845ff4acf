"""The process that writes one outlet: packets on its standard input, FFmpeg's muxers to the other side.

Started by :class:`streaming.outlets.outlet.Outlet` as ``python -m streaming.outlets.writer``. Ends when its input does.
"""

import logging
import signal
import sys
from fractions import Fraction
from typing import Final

import av
from av.container import OutputContainer
from av.stream import Stream

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, TICKS_PER_SECOND
from streaming.child import die_with_parent
from streaming.outlets.outlet import FINISH_S, OPENED
from streaming.outlets.target import Opening
from streaming.packets import Packet
from streaming.wire import read

_SAMPLES: Final = Fraction(1, SAMPLE_RATE)
_AAC_FRAME: Final = 1024


class Muxer:
    """Packets into a container whose first picture is at 0."""

    def __init__(self, opening: Opening) -> None:
        self._file: OutputContainer = av.open(opening.url, "w", format=opening.format, options=opening.options)
        self._file.metadata.update(opening.metadata)
        self._picture: Stream = self._file.add_mux_stream(
            "h264", rate=TICKS_PER_SECOND, width=opening.width, height=opening.height
        )
        # Describes the packets that the stage makes by an encoder of the same settings, which encodes nothing here.
        self._sound: Stream = self._file.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        self._begin: int | None = None

    def write(self, packet: Packet) -> None:
        """Blocks for as long as the other side does. Raises :class:`av.FFmpegError`."""
        video = packet.encoding == "h264"
        if self._begin is None:
            self._begin = packet.pts  # of the key frame that comes first
        pts = packet.pts - self._begin
        if pts < 0:
            return  # sound of before
        out = av.Packet(packet.data)
        out.stream = self._picture if video else self._sound
        out.time_base, out.pts, out.dts = _SAMPLES, pts, pts
        out.duration = SAMPLES_PER_TICK if video else _AAC_FRAME
        out.is_keyframe = packet.key
        self._file.mux(out)

    def close(self) -> None:
        self._file.close()


def main() -> None:
    for one in (signal.SIGINT, signal.SIGTERM):  # it ends with its input, after what was said before
        signal.signal(one, signal.SIG_IGN)
    av.logging.set_level(av.logging.ERROR)  # what FFmpeg says of an error is told with it,
    logging.disable()  # and only there: it may hold a stream key
    stream = sys.stdin.buffer
    opening = read(stream)
    if opening.format == "flv":  # a gateway that was killed cannot end a writer that waits for a server
        die_with_parent()
    try:
        muxer, opened = Muxer(opening), False
        try:
            while True:
                muxer.write(read(stream))
                if not opened:
                    opened = _say(OPENED)
        except EOFError:
            signal.alarm(round(FINISH_S))  # nobody is there any more to end it if the other side hangs
            muxer.close()
    except av.FFmpegError as error:
        _say(_told(error))
        raise SystemExit(1) from None


def _say(line: str) -> bool:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    return True


def _told(error: av.FFmpegError) -> str:
    """FFmpeg's reason in one line, with what it logged, which says more."""
    _, logged = av.logging.get_last_error()
    said = f" ({logged[2].strip()})" if logged else ""
    return " ".join(f"{error.strerror}{said}".split())


if __name__ == "__main__":
    main()
