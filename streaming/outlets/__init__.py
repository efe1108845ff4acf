"""Ways out of a room besides its viewers: pushed to a live platform, recorded. They take the packets as they are."""
