"""What rooms must not forget: in SQLite for one gateway, in Redis for many."""
