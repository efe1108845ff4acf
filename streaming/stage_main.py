"""The process around a stage: length-prefixed pickles over the socket it inherits from the gateway.

Started by :class:`streaming.stage_process.StageProcess` as ``python -m streaming.stage_main FD``. A module apart from
:mod:`streaming.stage`, whose classes travel over the socket and so must not be ``__main__``'s.
"""

import contextlib
import logging
import os
import queue
import signal
import socket
import sys
import threading
from typing import BinaryIO, Final

from avatar.clock import TICKS_PER_SECOND
from avatar.errors import AvatarError
from avatar.listening.listener import Listener, with_mouth
from streaming import playout
from streaming.child import die_with_parent
from streaming.cues import Command, Face, Failed, Report, Say, Told
from streaming.errors import StageError
from streaming.packets import Packet
from streaming.stage import Stage
from streaming.wire import frame, read


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the gateway's; it ends its stages
    die_with_parent()
    with contextlib.suppress(PermissionError):
        os.nice(-5)  # the stage comes first; an ordinary user may not ask, and engines are niced for that reason
    sock = socket.socket(fileno=int(sys.argv[1]))
    stream = sock.makefile("rb")
    config = read(stream)
    outbox = Outbox()
    writer = threading.Thread(target=_write, args=(sock, outbox), name="writer", daemon=True)
    writer.start()
    try:
        stage = Stage(config, outbox.put)
        begin = read(stream)  # an understudy waits here, and commands in the socket
        threading.Thread(target=_read, args=(stream, stage), name="reader", daemon=True).start()
        stage.run(begin)
    except EOFError:  # it was not needed
        os._exit(0)
    except (AvatarError, StageError) as error:
        outbox.put(Failed(str(error)))
        outbox.close()
        writer.join(1)
        os._exit(1)
    os._exit(0)  # the encoder thread may still hold a picture; nothing here outlives the process


class Outbox:
    """What waits for the gateway to read. Packets are dropped when it does not; what was said and when never is."""

    LIMIT: Final = 4 * TICKS_PER_SECOND

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Told | None] = queue.SimpleQueue()

    def put(self, told: Told) -> bool:
        """False when it was dropped. Events need no bound of their own: they are a few for each clause spoken."""
        if isinstance(told, Packet | Report | Face) and self._waiting.qsize() >= self.LIMIT:
            return False
        self._waiting.put(told)
        return True

    def get(self) -> Told | None:
        """The next one, waited for; None after :meth:`close`."""
        return self._waiting.get()

    def close(self) -> None:
        self._waiting.put(None)


def _read(stream: BinaryIO, stage: Stage) -> None:
    listener = Listener()
    try:
        with contextlib.suppress(EOFError, OSError):
            while True:
                command: Command = read(stream)
                if isinstance(command, Say):  # resampled and listened to here, not between two ticks
                    chunk = playout.at_48k(command.chunk)
                    command = Say(command.utterance, with_mouth(chunk, listener))
                stage.command(command)
    finally:  # a stage that hears no commands any more must end
        stage.command(None)


def _write(sock: socket.socket, outbox: Outbox) -> None:
    while (told := outbox.get()) is not None:
        try:
            sock.sendall(frame(told))
        except OSError:
            return


if __name__ == "__main__":
    main()
