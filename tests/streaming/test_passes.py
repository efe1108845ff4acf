"""Private rooms: passes that are good, and all that are not."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from fastapi import HTTPException
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from streaming import tokens
from streaming.cli import main
from streaming.errors import EverhostError
from streaming.operator import Operators
from streaming.passes import FILE, VARIABLE, Passes

KEY = "k" * 32


def with_token(token: str) -> HTTPConnection:
    headers = [(b"authorization", f"Bearer {token}".encode("latin-1", "replace"))]
    return HTTPConnection({"type": "http", "headers": headers, "query_string": b""})


def opens(folder: Path, token: str, room: str = "law") -> bool:
    try:
        Passes(folder).check(with_token(token), room, Operators(folder))
    except HTTPException:
        return False
    return True


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)


def signed(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({"aud": "law", "exp": time.time() + 60, **claims}, key, algorithm=algorithm)


GOOD = signed(exp=4e9)


def test_a_site_signs_passes_itself(tmp_path: Path) -> None:
    assert opens(tmp_path, signed(sub="somebody", more=[1, 2]))
    assert opens(tmp_path, Passes(tmp_path).issue("law", 60))


def test_forged_and_stale_ones_open_nothing(tmp_path: Path) -> None:
    head, body, signature = signed().split(".")
    longer = {"aud": "law", "exp": time.time() + 1e9}
    forged = base64.urlsafe_b64encode(json.dumps(longer).encode()).rstrip(b"=").decode()
    nobody = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    for token in (
        "",
        "nonsense",
        f"{head}.{forged}.{signature}",
        f"{nobody}.{body}.",
        f"{nobody}.{body}.{signature}",
        signed(key="x" * 32),
        signed(exp=time.time() - 60),
        signed(aud="another"),
        signed(algorithm="HS512", key=KEY * 2),
        jwt.encode({"aud": "law"}, KEY, algorithm="HS256"),  # without an end
        jwt.encode({"exp": time.time() + 60}, KEY, algorithm="HS256"),
        signed(nbf=time.time() + 600),
    ):
        assert not opens(tmp_path, token), token


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_change_of_a_pass_is_a_pass(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    token = GOOD
    at = data.draw(st.integers(0, len(token) - 1))
    changed = token[:at] + data.draw(st.characters(codec="ascii", exclude_characters=token[at])) + token[at + 1 :]
    parts = [part.rstrip("=") for part in changed.split(".")]
    same = len(parts) == 3 and [_bytes(part) for part in parts] == [_bytes(part) for part in token.split(".")]
    assert same or not opens(tmp_path_factory.getbasetemp(), changed)


def _bytes(part: str) -> bytes:
    """Two spellings of base64 may mean the same bytes."""
    return base64.urlsafe_b64decode(part.encode("ascii", "replace") + b"==")


def test_one_that_has_ended_is_no_guess(tmp_path: Path) -> None:
    for token, status in ((signed(exp=time.time() - 60), 403), ("nonsense", 401)):
        with pytest.raises(HTTPException) as refused:
            Passes(tmp_path).check(with_token(token), "law", Operators(tmp_path))
        assert refused.value.status_code == status


def test_who_has_a_token_needs_no_pass(tmp_path: Path) -> None:
    assert opens(tmp_path, tokens.give(tmp_path, "mei", "moderator"))
    assert not opens(tmp_path, tokens.give(tmp_path, "old", "moderator", days=-1))


def test_the_key_is_made_once_and_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VARIABLE)
    assert main(["token", "--data", str(tmp_path), "viewer", "law", "--hours", "1"]) == 0
    token = capsys.readouterr().out.strip()
    assert opens(tmp_path, token)
    assert not opens(tmp_path, token, "another")
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    monkeypatch.setenv(VARIABLE, "short")
    with pytest.raises(EverhostError, match=f"{VARIABLE}.*32"):
        Passes(tmp_path)
