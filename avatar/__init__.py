"""What the host *is*: its face, its voice, its lips, its life, and the packs and renderers that draw it.

Knows nothing of rooms, viewers or documents; ``streaming`` puts a host on air.
"""
