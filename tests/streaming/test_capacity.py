"""How many rooms a machine carries."""

import pytest

from streaming.fleet import capacity
from streaming.fleet.capacity import measured, rooms
from streaming.understudy import stage_config
from tests.streaming.settings import room_file


def test_cores_and_memory_bound_it() -> None:
    plenty = 1 << 40
    assert rooms(0.5, 2, plenty) == 1
    assert rooms(0.5, 16, plenty) == 15
    assert rooms(0.5, 16, capacity.ENGINES_BYTES + 3 * capacity.ROOM_BYTES) == 3
    assert capacity._free_bytes() > 1 << 28
    assert rooms(9.0, 1, 0) == 1


@pytest.mark.real
async def test_it_is_tried_on_this_machine(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        most = await measured([stage_config(room_file())])
    assert most >= 1
    assert "of a core here" in caplog.text
    share = float(caplog.text.partition("takes ")[2].split()[0])
    assert 0.05 < share < 3
