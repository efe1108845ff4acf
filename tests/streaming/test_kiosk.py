"""A kiosk in real Chromium: a visitor walks up, speaks without touching anything, interrupts, and says goodbye."""

import contextlib
from pathlib import Path

import pytest

from tests.streaming.conftest import MODELS_S, free_port, serving, wait_for
from tests.streaming.test_browser import open_page, spoken_file

pytestmark = [pytest.mark.real, pytest.mark.timeout(4000)]

SAID = ("When does the museum open on Fridays?", "How much does a ticket cost?", "Thank you, goodbye.")
QUIET_S = 11.0


def test_a_visitor_talks_with_the_host_and_leaves(tmp_path: Path) -> None:
    folder = tmp_path / "air"
    folder.mkdir()
    microphone = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={spoken_file(tmp_path, *SAID, quiet_s=QUIET_S)}%noloop",
        "--autoplay-policy=no-user-gesture-required",
    )
    with contextlib.ExitStack() as stack:
        air = stack.enter_context(serving(folder, free_port(), "museum-guide"))
        wait_for(air, "ready", MODELS_S, lambda health: health["status"] == "ready")
        wait_for(air, "read", 300, lambda health: health["rooms"][0]["can_answer"])
        page = next(pages := open_page(air, tmp_path / "profile", *microphone, page="museum-guide/kiosk"))
        stack.callback(pages.close)
        page.wait_live()
        page.wait("an open microphone", 20, lambda: page.one("#talk").get_attribute("data-state") == "open")

        def shown() -> str:
            return page.one("#exchange").text

        page.wait("the first question", 40, lambda: "friday" in shown().lower())
        page.wait("its answer", 20, lambda: "9" in shown())
        page.wait("the second question, over the answer to the first", 40, lambda: "ticket" in shown().lower())
        page.wait("its answer", 20, lambda: "yuan" in shown())
        page.wait("the goodbye, which leaves nothing on the screen", 60, lambda: not shown())
        assert page.one("#welcome").is_displayed()
        assert page.one("#talk").get_attribute("data-state") == "open"
        assert page.console_errors() == []
