"""Bridges: what happens on a live platform, read there and posted to a room's gateway. A process of its own each."""
