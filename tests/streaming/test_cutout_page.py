"""The host alone on a page, in real Chromium: what is behind them is transparent, and they are not."""

import base64
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.streaming.conftest import free_port, serving
from tests.streaming.test_browser import Page, open_page

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

ROOM = """
id: green
title: Green
language: en
documents: green
host: {name: Lin, persona: Calm., greeting: Hello., refusal: I do not know., background: green}
label: {spoken: false}
llm: [{base_url: "http://127.0.0.1:9/v1", model: none}]
"""


@pytest.fixture
def page(alone: None, tmp_path: Path) -> Iterator[Page]:
    documents = tmp_path / "rooms" / "green"
    documents.mkdir(parents=True)
    (documents / "law.md").write_text("# Wages\n\nWages are paid once a month.\n", "utf-8")
    (tmp_path / "rooms" / "green.yaml").write_text(ROOM, "utf-8")
    with serving(tmp_path, free_port(), "green") as air:
        software = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
        yield from open_page(air, tmp_path / "profile", *software, page="green/cutout?sound")


def shot(page: Page) -> np.ndarray:
    """(h, w, 4) B, G, R and opacity, of a page before nothing."""
    page.driver.execute_cdp_cmd(
        "Emulation.setDefaultBackgroundColorOverride", {"color": {"r": 0, "g": 0, "b": 0, "a": 0}}
    )
    png = page.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
    image = cv2.imdecode(np.frombuffer(base64.b64decode(png), np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def test_the_host_stands_before_whatever_lies_behind(page: Page) -> None:
    page.wait("live picture", 60, lambda: page.run("return window.everhost?.state.picture") == "live")
    page.wait("a picture on the canvas", 10, lambda: page.run("return document.querySelector('canvas').width") == 1920)
    page.wait("something to be seen", 10, lambda: shot(page)[..., 3].max() > 250)
    image = shot(page)
    h, w = image.shape[:2]
    opacity = image[..., 3]
    assert opacity[: h // 20, w // 2 :].max() < 12  # nothing over the head
    assert opacity[h // 4 :, : w // 20].max() < 12
    assert opacity[h // 30 : h // 8, w // 20 : w // 3].max() == 255  # but the AI label, which stays
    face = image[int(0.45 * h) : int(0.55 * h), int(0.48 * w) : int(0.52 * w)]
    assert face[..., 3].min() > 245
    assert face[..., 2].mean() > face[..., 0].mean() + 20  # skin
    seen = opacity > 128
    assert 0.15 < seen.mean() < 0.6
    edge = image[(opacity > 40) & (opacity < 215)][:, :3].astype(int)
    assert len(edge) > 200
    greenish = edge[:, 1] - edge[:, [0, 2]].max(1)
    assert np.percentile(greenish, 95) < 24  # and no green is left around them
    assert page.console_errors() == []


def test_another_key_leaves_green_as_it_is(page: Page) -> None:
    page.driver.get(page.driver.current_url.partition("?")[0] + "?key=0000ff")
    page.wait("live picture", 60, lambda: page.run("return window.everhost?.state.picture") == "live")
    page.wait("something to be seen", 10, lambda: shot(page)[..., 3].max() > 250)
    assert shot(page)[300, 200, 3] > 200
