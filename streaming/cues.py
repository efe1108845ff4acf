"""What the gateway tells a room's stage, and what the stage tells it: all that travels between the two processes.

Apart from :mod:`streaming.stage`, so that who only talks to a stage need not load what it draws with.
"""

from dataclasses import dataclass

from avatar.face import FaceFrame, Floats
from avatar.life import Attention
from avatar.speech import SpeechChunk
from streaming import encoders, playout
from streaming.packets import Encoding, Packet
from streaming.panel import Panel


@dataclass(frozen=True, slots=True)
class StageConfig:
    host: str
    width: int = 1920
    height: int = 1080
    background: str | None = None
    seed: int = 0
    depth: int = 4
    """Ticks between a tick's time and its release: what a key frame may take (50 ms) without being late."""
    x264: encoders.X264 = encoders.SUPERFAST
    maker: encoders.Maker = "auto"
    aac: bool = False
    """Sound in AAC as well."""
    label: bool = True
    """The AI label in the picture."""
    rhythm_s: float | None = None
    """Between two rhythm labels in the sound; None: there are none."""
    producer: str = ""
    """Who stands in the H.264 stream's metadata as the producer; "": there are none."""


# What the gateway tells the stage: first its StageConfig, to get ready by; then Begin, to go on air; then commands.
@dataclass(frozen=True, slots=True)
class Begin:
    tick: int = 0
    at: float | None = None
    """time.monotonic() when that tick is due, on this machine; now, if None. Ticks that it comes too late for are left
    out."""
    slate: bool = False
    """With the slate instead of the host."""


@dataclass(frozen=True, slots=True)
class Say:
    utterance: str
    chunk: SpeechChunk


@dataclass(frozen=True, slots=True)
class Finish:
    utterance: str


@dataclass(frozen=True, slots=True)
class Hush:
    pass


@dataclass(frozen=True, slots=True)
class Duck:
    """Speak softly: somebody speaks over the host."""

    on: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """Be silent, and when it is off go on with what was being said."""

    on: bool


@dataclass(frozen=True, slots=True)
class Attend:
    mode: Attention


@dataclass(frozen=True, slots=True)
class Live:
    """What somebody says through the host, as it comes; None when they are done."""

    pcm: playout.Pcm | None
    """(n,) float32 mono at 48 kHz."""


@dataclass(frozen=True, slots=True)
class Puppeteer:
    """A face from outside; see :mod:`avatar.puppet`."""

    weights: Floats
    rotation: Floats
    translation: Floats


@dataclass(frozen=True, slots=True)
class Watch:
    """Whether the host's own face frames are to be told."""

    on: bool


@dataclass(frozen=True, slots=True)
class KeyFrame:
    encoding: Encoding = "h264"


@dataclass(frozen=True, slots=True)
class Lighten:
    """In what the lighter rendition is encoded from now on; in nothing at the start."""

    encodings: frozenset[Encoding]


@dataclass(frozen=True, slots=True)
class ShowCard:
    """Over the picture, in the place of the one before, until another comes; None: none.

    A stage that is started again has none.
    """

    panel: Panel | None


@dataclass(frozen=True, slots=True)
class Slate:
    """A still picture and silence instead of the host, from the next tick on and at once: nothing of theirs that has
    not left yet leaves any more. What is said and done goes on unseen."""

    on: bool


Command = Say | Finish | Hush | Duck | Hold | Attend | Live | Puppeteer | Watch | KeyFrame | Lighten | ShowCard | Slate


# What the stage tells the gateway, beside packets and the playout's events.
@dataclass(frozen=True, slots=True)
class Ready:
    mouth_box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in pixels at rest."""
    encoder: str
    """Who encodes the picture, by FFmpeg's name."""
    produce_id: str = ""
    """Of what it makes, in the stream's metadata; "": there are none."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot go on air, or not go on; the process ends."""

    reason: str


@dataclass(frozen=True, slots=True)
class Face:
    """The host's face at a tick."""

    tick: int
    frame: FaceFrame


@dataclass(frozen=True, slots=True)
class Report:
    """Counters since the start, once a second."""

    tick: int
    skipped: int
    """Ticks without a picture, since they were late,"""
    half: bool
    """and now every other tick is meant to have none; see :mod:`streaming.strain`."""
    resynced: int
    dropped: int
    encoded: int
    """Pictures: as many as ticks with a picture, whoever watches;"""
    light: int
    """and those of the lighter rendition."""
    cpu_s: float
    """Processor seconds this process has used,"""
    draw_cpu_s: float
    encode_cpu_s: float
    """and for what."""
    draw_ms: tuple[float, ...]
    """What each picture of the last second took, by the clock;"""
    encode_ms: tuple[float, ...]
    out_ms: tuple[float, ...]
    """and from when its tick was due until it left."""


@dataclass(frozen=True, slots=True)
class Slated:
    """Whatever comes after this, nothing of the host is in it, until the slate goes."""


Told = Packet | playout.Event | Face | Ready | Failed | Report | Slated
