"""``everhost inspect``: what a recording, or a capture of a stream, says of being AI-generated."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.video.frame import VideoFrame

from avatar.clock import SAMPLE_RATE
from streaming import rhythm, sei
from streaming.errors import EverhostError
from streaming.label import likeness

EVERY_S: Final = 5.0
"""Between two pictures that are looked at."""
SEEN: Final = 0.6
"""Likeness to the label from which on it is there."""
_FULL_SCALE: Final = 32768


@dataclass(slots=True)
class Inspected:
    seconds: float = 0.0
    metadata: dict[str, Any] | None = None
    """The container's AIGC object."""
    stream: list[dict[str, Any]] = field(default_factory=list)
    """Those in the H.264 stream, each that differs once."""
    keys: int = 0
    """Key frames,"""
    marked: int = 0
    """and those of them with one."""
    looked: int = 0
    """Pictures looked at,"""
    labelled: int = 0
    """and those of them with the visible label."""
    rhythm: list[float] = field(default_factory=list)
    """When the rhythm label begins, in seconds."""

    def told(self) -> str:
        """For people."""
        heard = ", ".join(map(_time, self.rhythm))
        lines = [
            _time(self.seconds),
            f"  metadata        {json.dumps(self.metadata, ensure_ascii=False) if self.metadata else 'none'}",
            f"  H.264 stream    {self.marked} of {self.keys} key frames say so",
            *(f"                  {json.dumps(one, ensure_ascii=False)}" for one in self.stream),
            f"  in the picture  {self.labelled} of {self.looked} pictures, one every {EVERY_S:g} s",
            f"  in the sound    the rhythm label {f'at {heard}' if heard else 'is not heard'}",
        ]
        return "\n".join(lines)


def _time(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}:{rest:04.1f}"


def inspect(path: Path, progress: Callable[[float, float], None] = lambda done, of: None) -> Inspected:
    """Reads all of it. ``progress`` is told seconds, of all. Raises :class:`EverhostError` when that cannot be."""
    try:
        with av.open(str(path)) as file:
            return _inspect(file, progress)
    except (av.FFmpegError, OSError) as error:
        why = getattr(error, "strerror", None) or error
        raise EverhostError(f"{path} cannot be read ({why}); give a video file, as MP4 or FLV") from error


def _inspect(file: InputContainer, progress: Callable[[float, float], None]) -> Inspected:
    if not (file.streams.video or file.streams.audio):
        raise EverhostError(f"{file.name} has neither picture nor sound; give a video file, as MP4 or FLV")
    found = Inspected(metadata=_object(_tag(file.metadata)))
    whole = (file.duration or 0) / av.time_base
    resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    listener = rhythm.Listener()
    streams = [*file.streams.video[:1], *file.streams.audio[:1]]
    length_size = _length_size(file.streams.video[0].codec_context.extradata) if file.streams.video else 0
    looked_at = -EVERY_S
    for packet in file.demux(*streams):
        if packet.size and packet.is_keyframe and packet.stream.type == "video":
            found.keys += 1
            said = list(sei.user_data(list(sei.units_of(bytes(packet), length_size))))
            found.marked += bool(said)
            found.stream += [one for one in map(_object, said) if one and one not in found.stream]
        for frame in packet.decode():
            at = float(getattr(frame, "time", None) or 0.0)
            found.seconds = max(found.seconds, at)
            progress(at, whole)
            if isinstance(frame, AudioFrame):
                for part in resampler.resample(frame):
                    listener.hear(part.to_ndarray()[0].astype(np.float32) / np.float32(_FULL_SCALE))
            elif isinstance(frame, VideoFrame) and at - looked_at >= EVERY_S:
                looked_at = at
                found.looked += 1
                found.labelled += likeness(frame.to_ndarray(format="gray")) > SEEN
    listener.finish()
    found.rhythm = listener.found
    return found


def _tag(metadata: dict[str, str]) -> str:
    return next((value for key, value in metadata.items() if key.upper() == "AIGC"), "")


def _object(text: str | bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _length_size(extradata: bytes | None) -> int:
    """Of NAL units' lengths, as an AVC decoder configuration says (ISO 14496-15, 5.3.3.1); 0: start codes (Annex B)."""
    return (extradata[4] & 3) + 1 if extradata and extradata[0] == 1 and len(extradata) > 4 else 0
