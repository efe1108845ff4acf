"""The two encoders of a room: H.264 through x264 and Opus, each made once however many watch."""

from fractions import Fraction
from typing import Final

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.video.frame import PictureType, VideoFrame

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, TICKS_PER_SECOND
from avatar.picture import Picture
from streaming.packets import Packet

H264_PROFILE_LEVEL_ID: Final = "42e02a"
"""Constrained baseline, level 4.2: 1080p at 48 fps needs 391,680 macroblocks a second, level 4.0 ends at 245,760."""

KEY_INTERVAL_S: Final = 10
"""Key frames come when somebody joins or loses pictures; this is only the safety net for recordings."""


class H264Encoder:
    """x264 with no delay: one picture in, one packet out.

    ``crf`` lets a still picture cost almost nothing; the VBV caps what a second and a key frame may take.
    """

    def __init__(self, width: int, height: int, *, preset: str = "superfast", max_kbps: int = 3000) -> None:
        codec = av.CodecContext.create("libx264", "w")
        codec.width, codec.height = width, height
        codec.pix_fmt = "yuv420p"
        codec.time_base = Fraction(1, TICKS_PER_SECOND)
        codec.framerate = Fraction(TICKS_PER_SECOND, 1)
        codec.color_range = 1  # limited
        codec.color_primaries = codec.color_trc = codec.colorspace = 1  # BT.709
        codec.thread_count = 1
        codec.gop_size = KEY_INTERVAL_S * TICKS_PER_SECOND
        codec.profile = "Baseline"
        codec.options = {
            "preset": preset,
            "tune": "zerolatency",
            "level": "4.2",
            "crf": "21",
            "maxrate": f"{max_kbps}k",
            "bufsize": f"{max_kbps // 2}k",
            "forced-idr": "1",
            "x264-params": "scenecut=0:repeat-headers=1:annexb=1",
        }
        codec.open()
        self._codec = codec

    def encode(self, picture: Picture, tick: int, *, key: bool) -> Packet:
        frame = VideoFrame.from_numpy_buffer(picture.data, format="yuv420p")
        frame.pts = tick
        frame.pict_type = PictureType.I if key else PictureType.NONE
        (packet,) = self._codec.encode(frame)
        return Packet("video", tick * SAMPLES_PER_TICK, packet.is_keyframe, bytes(packet))


class OpusEncoder:
    """Opus at 48 kHz mono, 20 ms packets, in-band FEC. A tick's 1000 samples and Opus's 960 meet in a small buffer."""

    FRAME: Final = 960

    def __init__(self, first_sample: int = 0, *, kbps: int = 48) -> None:
        codec = av.CodecContext.create("libopus", "w")
        codec.sample_rate = SAMPLE_RATE
        codec.layout = "mono"
        codec.format = "s16"
        codec.bit_rate = kbps * 1000
        codec.time_base = Fraction(1, SAMPLE_RATE)
        codec.options = {"application": "audio", "fec": "1", "packet_loss": "5", "frame_duration": "20"}
        codec.open()
        self._codec = codec
        self._pts = first_sample
        self._rest = np.zeros(0, np.int16)

    def encode(self, pcm: npt.NDArray[np.float32]) -> list[Packet]:
        """Take (n,) float32 mono at 48 kHz; return the packets it completes."""
        samples = np.concatenate((self._rest, (np.clip(pcm, -1, 1) * 32767).astype(np.int16)))
        whole = len(samples) // self.FRAME * self.FRAME
        self._rest = samples[whole:]
        packets = []
        for at in range(0, whole, self.FRAME):
            frame = AudioFrame.from_ndarray(samples[None, at : at + self.FRAME], format="s16", layout="mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE, self._pts
            self._pts += self.FRAME
            # libopus stamps its output earlier by the pre-skip, which is when a decoder will play it.
            packets += [Packet("audio", p.pts or 0, True, bytes(p)) for p in self._codec.encode(frame)]
        return packets
