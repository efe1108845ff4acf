"""Hearing: a viewer's microphone in, what was said out. All of it works on 16 kHz mono float32 sound."""
