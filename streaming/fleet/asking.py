"""``everhost rooms``: asks a gateway of a fleet what it knows, and tells it what to give away."""

from collections.abc import Sequence
from typing import Any, Final

import httpx

from streaming.errors import EverhostError

ANSWER_S: Final = 10.0


def rooms(address: str, token: str, drained: bool | None = None, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """All rooms as the gateway at ``address`` sees them, after it was told to give those of ``names`` (none: all) away,
    or to take them again. Raises :class:`EverhostError` saying what is wrong.
    """
    try:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(base_url=address, headers=headers, timeout=ANSWER_S, trust_env=False) as client:
            known: list[dict[str, Any]] = _told(client.get("/api/fleet"))
            if drained is None:
                return known
            for name in names or [one["id"] for one in known]:
                _told(client.patch(f"/api/fleet/{name}", json={"drained": drained}))
            known = _told(client.get("/api/fleet"))
            return known
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise EverhostError(f"the gateway at {address} cannot be asked ({error}); name one with --at") from error


def _told(answer: httpx.Response) -> Any:
    if answer.status_code == 404 and "room" not in answer.text:
        raise EverhostError("this gateway is in no fleet: it was started without --redis")
    if answer.is_error:
        raise EverhostError(str(answer.json().get("detail", answer.text)) if answer.text else answer.reason_phrase)
    return answer.json()


def table(known: Sequence[dict[str, Any]]) -> str:
    """For people."""
    width = max([4, *(len(one["id"]) for one in known)])
    lines = [f"{'room':{width}}  {'viewers':>7} {'waiting':>7}  where"]
    for one in known:
        if not one["here"]:
            numbers, where = f"{'–':>7} {'–':>7}", one["address"] or "nobody runs it"
        else:
            numbers = f"{one['viewers']:>7} {one['waiting']:>7}"
            where = "here" + ("" if one["held"] else ", behind a slate: Redis does not answer")
        lines.append(f"{one['id']:{width}}  {numbers}  {where}{', drained' if one['drained'] else ''}")
    return "\n".join(lines)
