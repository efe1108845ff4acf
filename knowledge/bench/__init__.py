"""How well the knowledge does, on gold sets kept apart from all that was tuned: :mod:`knowledge.bench.gold`."""
