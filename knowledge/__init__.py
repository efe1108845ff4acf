"""What the host *knows and may say*: documents in, cited answers or an honest refusal out.

Knows nothing of faces, voices or viewers; ``streaming`` asks it and says what it answers.
"""
