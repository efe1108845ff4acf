"""The one clock: audio and video are two readings of one integer.

One tick is one picture, 1000 audio samples and 1875 RTP video units. Nothing else paces media, so sound
and picture cannot drift apart.
"""

from typing import Final

TICKS_PER_SECOND: Final = 48
SAMPLE_RATE: Final = 48_000
SAMPLES_PER_TICK: Final = SAMPLE_RATE // TICKS_PER_SECOND
VIDEO_CLOCK_RATE: Final = 90_000
RTP_PER_TICK: Final = VIDEO_CLOCK_RATE // TICKS_PER_SECOND
SECONDS_PER_TICK: Final = 1 / TICKS_PER_SECOND
