"""``everhost rooms``: asks a gateway of a fleet what it knows, and tells it what to give away."""

from collections.abc import Sequence
from typing import Any, Final

import httpx

from streaming.errors import EverhostError

ANSWER_S: Final = 10.0


def rooms(address: str, token: str, drained: bool | None = None, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """All rooms, each as the gateway sees it that runs it, after the one at ``address`` was told to give those of
    ``names`` (none: all) away, or to take them again. Raises :class:`EverhostError` saying what is wrong.
    """
    try:
        with _asking(address, token) as client:
            known: list[dict[str, Any]] = _told(client.get("/api/fleet"))
            if drained is not None:
                for name in names or [one["id"] for one in known]:
                    _told(client.patch(f"/api/fleet/{name}", json={"drained": drained}))
                known = _told(client.get("/api/fleet"))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise EverhostError(f"the gateway at {address} cannot be asked ({error}); name one with --at") from error
    elsewhere = {one["address"] for one in known if one["address"] and not one["here"]}
    of_owners = {(owner, one["id"]): one for owner in elsewhere for one in _others(owner, token)}
    return [{**of_owners.get((one["address"], one["id"]), one), "drained": one["drained"]} for one in known]


def _others(address: str, token: str) -> list[dict[str, Any]]:
    """What another gateway says; nothing, where it does not answer or does not know the token."""
    try:
        with _asking(address, token) as client:
            told: list[dict[str, Any]] = _told(client.get("/api/fleet"))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, EverhostError):
        return []
    return told


def _asking(address: str, token: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=address, headers=headers, timeout=ANSWER_S, trust_env=False)


def _told(answer: httpx.Response) -> Any:
    if answer.status_code == 404 and "room" not in answer.text:
        raise EverhostError("this gateway is in no fleet: it was started without --redis")
    if answer.is_error:
        raise EverhostError(str(answer.json().get("detail", answer.text)) if answer.text else answer.reason_phrase)
    return answer.json()


def table(known: Sequence[dict[str, Any]]) -> str:
    """For people."""
    width, far = (max([least, *(len(one[name]) for one in known)]) for least, name in ((4, "id"), (8, "address")))
    lines = [f"{'room':{width}}  {'viewers':>7} {'waiting':>7}  {'run by':{far}}  how it is"]
    for one in known:
        numbers = f"{one['viewers']:>7} {one['waiting']:>7}" if one["here"] else f"{'–':>7} {'–':>7}"
        drained = ", drained here" if one["drained"] else ""
        lines.append(f"{one['id']:{width}}  {numbers}  {one['address'] or '–':{far}}  {_health(one)}{drained}")
    return "\n".join(lines)


def _health(one: dict[str, Any]) -> str:
    if not one["address"]:
        return "nobody runs it"
    if not one["here"]:
        return "its gateway does not answer"
    if not one["held"]:
        return "behind a slate: Redis does not answer"
    return "on air" if one["on_air"] else "its stage is being started"
