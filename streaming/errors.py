"""
EverhostError
├── RoomFileError       a room file is wrong; names the line's key and what is allowed there
├── ModelError          a model is missing, corrupt or cannot be fetched
├── EngineError         an engine (recognizer, language model, voice) failed; ``retryable``
├── StageError          the stage failed
├── AddressInUseError   the port is taken
├── NetworkError        a setting of the network is not understood; says what it should look like
├── TlsError            a certificate or its key cannot be used; says what is needed
├── OfferError          an SDP offer cannot be answered; says what a player has to offer
├── FloorTakenError     somebody else speaks through the host
├── NotKeptError        what was accepted may be lost; to be sent again
├── FetchError          a document cannot be fetched from its address (:mod:`streaming.fetching`)
├── ListsError          a list of the moderation is wrong (:mod:`streaming.moderation.lists`)
├── BridgeError         a bridge cannot go on; says what to mend
└── OutletError         a way out (push, recording) is closed; it will be tried again
"""


class EverhostError(Exception):
    """Says what is wrong and what the person can do about it."""

    retryable = False


class RoomFileError(EverhostError):
    pass


class ModelError(EverhostError):
    pass


class EngineError(EverhostError):
    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class StageError(EverhostError):
    retryable = True


class AddressInUseError(EverhostError):
    pass


class NetworkError(EverhostError):
    pass


class TlsError(EverhostError):
    pass


class OfferError(EverhostError):
    pass


class FloorTakenError(EverhostError):
    retryable = True


class NotKeptError(EverhostError):
    retryable = True


class BridgeError(EverhostError):
    pass


class OutletError(EverhostError):
    retryable = True
