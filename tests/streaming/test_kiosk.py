"""A kiosk in real Chromium: a visitor walks up, speaks without touching anything, interrupts, and says goodbye."""

import base64
import contextlib
from pathlib import Path

import pytest

from tests.streaming.conftest import MODELS_S, free_port, serving, wait_for
from tests.streaming.test_browser import Page, chromium, spoken_file

pytestmark = [pytest.mark.real, pytest.mark.timeout(4000), pytest.mark.usefixtures("alone")]

SLOWEST_S = 120
"""For an answer on a busy machine, where everything else waits for the stage and the browser."""
MICROPHONE = """
const context = new AudioContext({ sampleRate: 48000 });
const microphone = context.createMediaStreamDestination();
navigator.mediaDevices.getUserMedia = async () => microphone.stream.clone();
window.say = async (wav) => {
  const bytes = Uint8Array.from(atob(wav), (letter) => letter.charCodeAt(0));
  const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(bytes.buffer) });
  source.connect(microphone);
  source.start();
};
"""
"""A microphone that speaks when it is told to: one of Chromium's that plays a file does so at its own pace."""


class Visitor:
    """Somebody in front of the kiosk."""

    def __init__(self, page: Page, folder: Path) -> None:
        self._page = page
        self._folder = folder

    def say(self, text: str) -> None:
        wav = base64.b64encode(spoken_file(self._folder, text, quiet_s=0.2).read_bytes()).decode()
        self._page.driver.execute_script("window.say(arguments[0])", wav)

    def reads(self, what: str, text: str) -> None:
        self._page.wait(what, SLOWEST_S, lambda: text in self._page.one("#exchange").text.lower())

    def sees(self, what: str, state: str) -> None:
        self._page.wait(what, SLOWEST_S, lambda: state in self._page.one("#exchange").text)


def test_a_visitor_talks_with_the_host_and_leaves(tmp_path: Path) -> None:
    flags = ("--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required")
    with contextlib.ExitStack() as stack:
        air = stack.enter_context(serving(tmp_path, free_port(), "museum-guide"))
        wait_for(air, "ready", MODELS_S, lambda health: health["status"] == "ready")
        wait_for(air, "read", 300, lambda health: health["rooms"][0]["can_answer"])
        driver = chromium(f"--user-data-dir={tmp_path / 'profile'}", *flags)
        stack.callback(driver.quit)
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": MICROPHONE})
        driver.get(f"http://{air.address}/rooms/museum-guide/kiosk")
        page = Page(driver)
        visitor = Visitor(page, tmp_path)
        page.wait_live()
        page.wait("an open microphone", 20, lambda: page.one("#talk").get_attribute("data-state") == "open")

        visitor.say("When does the museum open on Fridays?")
        visitor.reads("the first question", "friday")
        visitor.reads("its answer", "9")
        visitor.sees("the host, speaking", "Speaking")
        visitor.say("How much does a ticket cost?")
        visitor.reads("the second question, over the answer to the first", "ticket")
        visitor.reads("its answer", "yuan")
        visitor.say("Thank you, goodbye.")
        page.wait("the goodbye, which leaves nothing on the screen", SLOWEST_S, lambda: not page.one("#exchange").text)
        assert page.one("#welcome").is_displayed()
        assert page.one("#talk").get_attribute("data-state") == "open"
        assert page.console_errors() == []
