"""Benchmarks that ship with everhost: each prints a table, and one JSON object with ``--json``."""
