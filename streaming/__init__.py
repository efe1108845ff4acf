"""How the host is *on air*: rooms, hearing, stage, encoders, viewers, pages and the command line."""
