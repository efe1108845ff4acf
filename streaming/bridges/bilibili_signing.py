"""Requests to Bilibili's open live platform: who sends them, and the signature. Sans-I/O.

The headers that begin with ``x-bili-``, sorted, one a line as ``name:value``, without a newline at the end, signed with
HMAC-SHA256 of the secret, in hexadecimal: https://open-live.bilibili.com/document/74eec767-e594-7ddd-6aba-257e8317c05d.
The content is signed by its MD5, which is what the platform asks for.
"""

import hashlib
import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Keys:
    access_key: str
    access_secret: str = field(repr=False)
    app_id: int
    """The project's."""
    code: str = field(repr=False)
    """The identity code (身份码) of whose room it is."""


def headers(keys: Keys, body: bytes, nonce: str, now: int) -> dict[str, str]:
    """``nonce`` is never used again; ``now`` is the wall clock, seconds."""
    signed = {
        "x-bili-accesskeyid": keys.access_key,
        "x-bili-content-md5": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        "x-bili-signature-method": "HMAC-SHA256",
        "x-bili-signature-nonce": nonce,
        "x-bili-signature-version": "1.0",
        "x-bili-timestamp": str(now),
    }
    lines = "\n".join(f"{name}:{value}" for name, value in sorted(signed.items()))
    signature = hmac.new(keys.access_secret.encode(), lines.encode(), hashlib.sha256).hexdigest()
    return signed | {"Authorization": signature, "Content-Type": "application/json", "Accept": "application/json"}
