"""The end of a peer connection, whatever was negotiated."""

from aiortc import RTCPeerConnection


async def hang_up(connection: RTCPeerConnection) -> None:
    """aiortc 1.16 breaks off in the middle of closing where the offer left one of our transceivers without a transport;
    the sockets of the others would stay open.
    """
    try:
        await connection.close()
    except AttributeError:
        for transceiver in connection.getTransceivers():
            if (transport := transceiver.receiver.transport) is not None:
                await transport.stop()
                await transport.transport.stop()
