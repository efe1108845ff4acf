"""The body of a request, as far as it may go."""

from fastapi import HTTPException, Request


async def read_body(request: Request, most: int, otherwise: str) -> bytes:
    """Raises HTTPException (413) with the message ``otherwise`` beyond ``most`` bytes, without reading on."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise HTTPException(413, otherwise)
    return bytes(body)
