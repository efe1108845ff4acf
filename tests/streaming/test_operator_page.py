"""An operator speaks through the host from the console in real Chromium, and viewers hear and see it."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import websockets

from avatar import livelink
from avatar.face import INDEX
from streaming.bench.viewer import SOUND, viewer
from streaming.operator import FILE
from tests.streaming.conftest import Air
from tests.streaming.test_browser import Page, chromium, spoken_file

pytestmark = [pytest.mark.real, pytest.mark.timeout(4000)]

SPOKEN = "Mama bought five more apples. Please keep both copies of the map, and move to the front of the hall."
ROOM = "legal-assistant"


@pytest.fixture
def console(air: Air, tmp_path: Path) -> Iterator[Page]:
    """The console, whose microphone hears :data:`SPOKEN` over and over."""
    driver = chromium(
        f"--user-data-dir={tmp_path / 'profile'}",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={spoken_file(tmp_path, SPOKEN)}",
    )
    try:
        driver.get(f"http://{air.address}/console")
        yield Page(driver)
    finally:
        driver.quit()


def test_an_operator_speaks_through_the_host(air: Air, console: Page) -> None:
    token = (air.log.parent / "data" / FILE).read_text().strip()
    console.wait("the room", 30, lambda: console.all("#rooms button.speak"))
    console.one("#token").send_keys("wrong")
    press(console)
    [told] = console.wait("a refusal", 20, lambda: console.all("#floor[data-i18n='console.whip.token']"))
    assert told.text in ("令牌不对。", "The token is not right.")
    field = console.one("#token")
    field.clear()
    field.send_keys(token)
    press(console)
    console.wait("speaking", 20, lambda: console.all("#floor[data-i18n='console.speaking']"))
    sound, jaw = asyncio.run(seen_and_heard(air, token))
    assert sound.max() > 4 * SOUND
    assert np.median(sound[sound > SOUND]) > SOUND
    assert jaw.max() > 0.15
    assert jaw.std() > 0.04
    assert console.all("#rooms button.speak[aria-pressed=true]")
    press(console)
    console.wait("the floor given back", 20, lambda: json.loads(air.get("/api/rooms"))[0]["state"] != "speaking")
    assert [e for e in console.console_errors() if "401" not in e] == []


def test_an_operator_adds_and_removes_documents(air: Air, console: Page, tmp_path: Path) -> None:
    token = (air.log.parent / "data" / FILE).read_text().strip()
    console.wait("to be asked for the token", 20, lambda: console.one("#documents .why").text)
    field = console.one("#token")
    field.send_keys(token + "\n")
    console.wait("the documents", 20, lambda: console.all("#documents tbody tr"))
    there = len(console.all("#documents tbody tr"))

    good, bad = tmp_path / "gym.csv", tmp_path / "scan.pdf"
    good.write_text("问题,答案\n健身房几点开门,健身房早上六点开门。\n", "utf-8")
    bad.write_bytes(b"no pdf")
    console.one("#documents input[type=file]").send_keys(f"{good}\n{bad}")
    [taken] = console.wait("the good one taken", 20, lambda: console.all("#documents .told [data-state=ok]"))
    assert taken.text.startswith("gym.csv")
    [refused] = console.wait("the bad one refused", 20, lambda: console.all("#documents .told [data-state=gone]"))
    assert "scan.pdf" in refused.text
    assert "PDF" in refused.text
    console.wait("it listed", 20, lambda: len(console.all("#documents tbody tr")) == there + 1)

    console.one("#documents form input").send_keys(f"http://{air.address}/healthz\n")
    refusals = console.wait(
        "this machine refused",
        20,
        lambda: len(shown := console.all("#documents .told [data-state=gone]")) == 2 and shown,
    )
    assert "fetch_from" in refusals[0].text

    console.run("document.querySelector('#documents').scrollIntoView()")
    console.driver.save_screenshot(str(tmp_path / "documents.png"))
    row = "[...document.querySelectorAll('#documents tr')].find((row) => row.innerText.includes('gym.csv'))"
    press_remove = f"{row}.querySelector('button').click()"
    console.run(press_remove)
    assert len(console.all("#documents tbody tr")) == there + 1, "it asks once more"
    console.run(press_remove)
    console.wait("it gone", 20, lambda: len(console.all("#documents tbody tr")) == there)
    assert [e for e in console.console_errors() if not any(status in e for status in ("400", "401", "422"))] == []


def press(console: Page) -> None:
    """In one go, for the table is drawn anew when something in it changes."""
    console.run("document.querySelector('#rooms button.speak').click()")


async def seen_and_heard(
    air: Air, token: str
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Loudness of what a viewer hears for some seconds, and the host's jaw meanwhile."""
    jaw = []
    faces = f"ws://{air.address}/rooms/{ROOM}/face/out?token={token}"
    async with viewer(air.address, ROOM, decode=False) as one, websockets.connect(faces) as socket:
        await asyncio.sleep(1)
        await socket.recv()  # what the shapes are called
        before = len(one.seen.sound)
        for _ in range(5 * 48):
            weights, _, _ = livelink.parse(json.loads(await socket.recv()))
            jaw.append(float(weights[INDEX["jawOpen"]]))
        return np.array([level for _, level in one.seen.sound[before:]]), np.array(jaw)
