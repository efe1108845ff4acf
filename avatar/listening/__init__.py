"""Lips from sound alone: for voices that do not tell their phonemes, and for people who speak through the host.

A small causal network hears what is said and tells what the mouth does, :data:`LOOK_AHEAD` ticks later. It was taught
by the phoneme way (:mod:`avatar.lips`) on speech synthesized for the purpose; docs/audio-lips.md is its model card.
"""

from typing import Final

LOOK_AHEAD: Final = 4
"""Ticks of sound that the network hears beyond the moment it tells of: 83 ms."""
