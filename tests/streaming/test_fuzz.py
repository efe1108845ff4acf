"""Every door of ``/openapi.json``, fuzzed: whatever is sent, no error of ours, and only answers that it describes."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from streaming import tokens
from tests.streaming.test_gateway import gateway

pytestmark = pytest.mark.real
EXAMPLES = 40
SOME = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@schemathesis.serializer("application/sdp")
def _as_it_is(_: object, value: object) -> bytes:
    return str(value).encode(errors="replace")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A gateway in a thread of its own; its address."""
    address: list[str] = []
    up, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with gateway(folder) as (where, _):
            address.append(where)
            up.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert up.wait(30)
        yield address[0]
    finally:
        done.set()
        thread.join(30)


@pytest.mark.parametrize("role", ["operator", "moderator", "bridge", None])
def test_whatever_is_sent(tmp_path: Path, role: tokens.Role | None) -> None:
    headers = {"Authorization": f"Bearer {tokens.give(tmp_path, 'fuzz', role)}"} if role else {}
    with served(tmp_path) as address:
        schema = schemathesis.openapi.from_url(f"http://{address}/openapi.json")
        # Documents are not read here; their doors have tests of their own. That it is not ready is told with 503.
        fuzzed = schema.exclude(tag="documents").exclude(path="/readyz")
        operations = [found.ok() for found in fuzzed.get_all_operations()]
        assert len(operations) >= 12
        for operation in operations:

            @SOME
            @given(case=operation.as_strategy())
            def fuzz(case: schemathesis.Case) -> None:
                if "room" in case.path_parameters and len(str(case.path_parameters["room"])) % 4:
                    case.path_parameters["room"] = "test"
                # What a schema says is not all: a reply goes with "answer", and an SDP offer is no mere string.
                case.call_and_validate(headers=headers, timeout=10, excluded_checks=[positive_data_acceptance])

            fuzz()
