"""Many gateways: who owns which room, and how its viewers get there."""
