"""What the host says when nobody asks."""
