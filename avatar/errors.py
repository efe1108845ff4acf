"""
AvatarError
├── VoiceError      a voice could not be loaded, or could not speak a text
├── PackError       a host pack is missing, broken, hostile or of another version
└── StudioError     a host cannot be built: its file is not understood, or the studio is not there
"""


class AvatarError(Exception):
    """Says what is wrong and what the person can do about it."""

    retryable = False


class VoiceError(AvatarError):
    pass


class PackError(AvatarError):
    pass


class StudioError(AvatarError):
    pass
