"""What the face is measured by: its speed, its likeness to path-traced pictures, its steadiness, its lips."""
