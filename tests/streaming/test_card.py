"""Cards as they are laid out, and over a host's picture; real fonts, and a real stage for those that go on air."""

import logging
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from avatar.face import FaceFrame
from avatar.hosts import load_host
from avatar.mesh_renderer import MeshRenderer
from avatar.picture import Picture
from avatar.renderer import Box
from streaming.card import Card, Designer
from streaming.cues import ShowCard, StageConfig
from streaming.encoders import X264
from streaming.fonts import Typeface
from streaming.label import MARGIN, Label
from streaming.panel import Panel
from streaming.panels import FADE_TICKS, Panels
from tests.streaming.test_fonts import latin, noto
from tests.streaming.test_stage import Running

SIZES = [(1920, 1080), (1080, 1920), (1366, 768), (854, 480), (640, 360), (720, 1280), (1080, 1080), (426, 240)]
LAW = Card(
    "试用期最长可以约定多久？",
    "劳动合同期限三个月以上不满一年的，试用期不得超过一个月；一年以上不满三年的，试用期不得超过二个月。",
    "《劳动合同法》第十九条",
)
KIT = Card("Pour-over Starter Kit", "Gooseneck kettle, dripper, server and 100 paper filters.", "$29.90")
LABEL = (0, 0, 700, 150)
"""Where the AI label is, about, in pixels of a picture whose shorter side has 1080."""


@pytest.fixture(scope="module")
def western(tmp_path_factory: pytest.TempPathFactory) -> tuple[Typeface, ...]:
    return latin(tmp_path_factory.mktemp("fonts"))


@pytest.fixture(scope="module")
def chinese() -> tuple[Typeface, ...]:
    return noto()


def photo(path: Path, size: tuple[int, int], exif: Image.Exif | None = None) -> Path:
    """Red above, blue below."""
    image = Image.new("RGB", size, (220, 20, 20))
    image.paste((20, 20, 220), (0, size[1] // 2, *size))
    image.save(path, exif=exif or Image.Exif())
    return path


def laid(designer: Designer, card: Card) -> Panel:
    panel = designer.lay_out(card)
    assert panel is not None
    return panel


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def lines_of(panel: Panel) -> int:
    """Rows of pixels with letters, as blocks."""
    rows = ((panel.luma > 150) & (panel.opacity > 200))[:, 60:-50].any(1)
    return int(np.count_nonzero(np.diff(rows.astype(np.int8)) == 1))


@pytest.mark.parametrize("size", SIZES)
def test_it_lies_within_the_picture_apart_from_the_label(size: tuple[int, int], western: tuple[Typeface, ...]) -> None:
    designer = Designer(*size, western)
    scale = min(size) / 1080
    for card in (KIT, Card("t"), Card("word " * 1000, "text " * 1000, "footer " * 1000)):
        panel = laid(designer, card)
        Panels(Picture(*size), (0, 0, 2, 2)).laid(panel)  # which refuses what is not within
        assert not overlap(panel.box, tuple(round(side * scale) for side in LABEL))  # type: ignore[arg-type]


@pytest.mark.parametrize("background", [16, 128, 235])
def test_it_is_legible_on_any_background(background: int, western: tuple[Typeface, ...]) -> None:
    picture = Picture(1920, 1080)
    picture.y[:], picture.u[:], picture.v[:] = background, 100, 160
    panels = Panels(picture, (0, 0, 2, 2))
    panel = laid(Designer(1920, 1080, western), KIT)
    panels.show(panels.laid(panel))
    for tick in range(FADE_TICKS + 2):
        panels.under(picture, tick)
    x0, y0, x1, y1 = panel.box
    plate = picture.y[y0 + 50 : y1 - 50, x0 + 60 : x1 - 50]
    letters = plate > 200
    assert 0.01 < letters.mean() < 0.3
    assert np.median(plate) < 60  # against 200 a contrast of 10 to 1 and more


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920)])
@pytest.mark.parametrize(
    "text",
    [
        "\x00\x07\x1b[2J\x7f",
        "\u202e\u2066RTL\u2069\u202c \u200f",
        "שלום עולם، مرحبا بالعالم",
        "🎉👨‍👩‍👧‍👦🏳️‍🌈 sale",
        "𠮷𰻝 rare",
        "\ud800 half a pair",
        "e" + "\u0301" * 300,
        "x" * 5000,
        "! " * 5000,
        "\n" * 5000 + "end",
        "ffi fi ﷽ ௵ ꧅",
    ],
)
def test_odd_text_is_no_error(size: tuple[int, int], text: str, western: tuple[Typeface, ...]) -> None:
    designer = Designer(*size, western)
    for card in (Card("title", text), Card(text, "text"), Card("title", "text", text)):
        designer.lay_out(card)


@pytest.mark.real
@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920)])
def test_five_thousand_characters_are_shortened(size: tuple[int, int], chinese: tuple[Typeface, ...]) -> None:
    designer = Designer(*size, chinese)
    panel = laid(designer, Card("很长" * 2500, "一段很长的文字。" * 625, "出处" * 2500))
    assert panel.luma.shape[0] <= 0.86 * size[1]
    assert 6 <= lines_of(panel) <= 20
    assert lines_of(laid(designer, LAW)) < lines_of(panel)


def test_a_picture_is_upright_and_fits(tmp_path: Path, western: tuple[Typeface, ...]) -> None:
    turned = Image.Exif()
    turned[0x0112] = 3  # upside down
    upright, upside_down = photo(tmp_path / "a.png", (300, 200)), photo(tmp_path / "b.jpg", (300, 200), turned)
    for size in ((1920, 1080), (1080, 1920)):
        reds = []
        for path in (upright, upside_down):
            panel = laid(Designer(*size, western), Card("title", "text", picture=path))
            red, blue = (np.flatnonzero((plane > 170).any(1)) for plane in (panel.v, panel.u))
            reds.append(red.mean() < blue.mean())
        assert reds == [True, False]


@pytest.mark.parametrize("size", [(4000, 20), (20, 4000), (1, 1), (3000, 3000), (40, 30)])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_pictures_of_any_shape(
    size: tuple[int, int], suffix: str, tmp_path: Path, western: tuple[Typeface, ...]
) -> None:
    path = photo(tmp_path / f"photo.{suffix}", size)
    for room in ((1920, 1080), (1080, 1920), (640, 360)):
        for card in (Card("title", "text", "$5", path), Card("", picture=path)):
            panel = laid(Designer(*room, western), card)
            Panels(Picture(*room), (0, 0, 2, 2)).laid(panel)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_pictures_of_any_mode(mode: str, tmp_path: Path, western: tuple[Typeface, ...]) -> None:
    path = tmp_path / ("photo.jpg" if mode == "CMYK" else "photo.png")
    Image.new("L", (90, 60), 200).convert("RGB" if mode == "P" else "L").convert(mode).save(path)
    assert laid(Designer(1920, 1080, western), Card("title", picture=path)).luma.shape[0] > 200


def test_a_cut_out_thing_stands_on_white(tmp_path: Path, western: tuple[Typeface, ...]) -> None:
    Image.new("RGBA", (300, 200)).save(tmp_path / "clear.png")
    panel = laid(Designer(1920, 1080, western), Card("", picture=tmp_path / "clear.png"))
    h, w = panel.luma.shape
    assert panel.luma[h // 2, w // 2] == 235


@pytest.mark.parametrize(
    "broken", ["cut.png", "empty.jpg", "text.webp", "other.gif", "folder", "missing.png", "huge.png"]
)
def test_a_broken_picture_is_left_out(
    broken: str, tmp_path: Path, western: tuple[Typeface, ...], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / broken
    match path.name:
        case "cut.png":
            path.write_bytes(photo(tmp_path / "whole.png", (200, 200)).read_bytes()[:150])
        case "empty.jpg":
            path.touch()
        case "text.webp":
            path.write_text("no picture")
        case "other.gif":
            Image.new("L", (8, 8)).save(path)
        case "folder":
            path.mkdir()
        case "huge.png":
            Image.new("1", (10_000, 5_001)).save(path)
    designer = Designer(1920, 1080, western)
    with caplog.at_level(logging.WARNING):
        panel = laid(designer, Card("title", "text", picture=path))
    assert panel.box == laid(designer, Card("title", "text")).box
    assert str(path) in caplog.text
    assert designer.lay_out(Card("", picture=path)) is None


def test_without_a_font_the_log_says_what_to_install(
    western: tuple[Typeface, ...], caplog: pytest.LogCaptureFixture
) -> None:
    for typefaces in ((), western):
        caplog.clear()
        assert Designer(1920, 1080, typefaces).lay_out(LAW) is None
        assert "fonts-noto-cjk" in caplog.text
    assert Designer(1920, 1080, western).lay_out(KIT) is not None
    caplog.clear()
    assert Designer(1920, 1080, western).lay_out(Card("🎉", " \n ")) is None
    assert "nothing" in caplog.text


def head(renderer: MeshRenderer) -> Box:
    """The face and the hair around it."""
    eyes, mouth = renderer.eye_boxes, renderer.mouth_box
    left, right, top = eyes[1][0], eyes[0][2], eyes[0][1]
    wide = right - left
    return left - wide // 2, top - wide, right + wide // 2, mouth[3] + wide // 3


@pytest.mark.real
@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920)])
def test_over_the_host_it_leaves_face_and_label_alone_and_goes_without_a_trace(
    size: tuple[int, int], chinese: tuple[Typeface, ...], tmp_path: Path
) -> None:
    renderer = load_host("lin", *size)
    label = Label(*size, renderer.region)

    def prepared() -> Picture:
        picture = Picture(*size)
        renderer.prepare(picture)
        label.stamp(picture)
        return picture

    panels, picture, before = Panels(prepared(), renderer.region), prepared(), prepared()
    designer = Designer(*size, chinese)
    ticks = iter(range(1, 1000))

    def draw(count: int) -> None:
        for tick in [next(ticks) for _ in range(count)]:
            panels.under(picture, tick)
            renderer.draw(FaceFrame(), picture)
            panels.over(picture)
            label.restamp(picture)

    long = Card(LAW.title * 9, LAW.text * 90, LAW.footer * 9, photo(tmp_path / "photo.png", (600, 900)))
    for card in (LAW, KIT, long):
        panel = laid(designer, card)
        panels.show(panels.laid(panel))
        draw(FADE_TICKS + 2)
        x0, y0, x1, y1 = panel.box
        changed = np.flatnonzero((picture.y != before.y).any(1)), np.flatnonzero((picture.y != before.y).any(0))
        assert y0 <= changed[0][0] <= y0 + 40
        assert changed[0][-1] < y1
        assert x0 <= changed[1][0] <= x0 + 40
        assert changed[1][-1] < x1
        if card.picture is None:
            assert (picture.y[y0 + 60 : y0 + 140, x0 + 60 : x1 - 60] > 200).any()  # its title
        assert not overlap(panel.box, head(renderer))
        assert np.array_equal(picture.y[:150, :700], before.y[:150, :700])
        panels.show(None)
        draw(FADE_TICKS + 2)
        assert np.array_equal(picture.data, before.data)


@pytest.mark.real
def test_a_card_goes_on_air_and_off_again(western: tuple[Typeface, ...]) -> None:
    one = Running(StageConfig("lin", x264=X264("ultrafast")))
    panel = laid(Designer(1920, 1080, western), KIT)
    wrong = laid(Designer(1080, 1920, western), KIT)
    one.thread.start()
    try:
        for shown in (panel, None):
            one.do(ShowCard(wrong), ShowCard(shown))  # the first is for a room upright, and left out
            after = len(one.packets("video")) + 2 * FADE_TICKS + 8
            one.until(lambda: len(one.packets("video")) >= after)  # noqa: B023
    finally:
        one.stage.command(None)
        one.thread.join(30)
    assert one.error is None
    places = list(plates(one, panel.box))
    begin, end = places[0], places[-1]
    assert min(places) < min(begin, end) - 15  # a dark plate before a brighter room
    assert end == pytest.approx(begin, abs=2)


def plates(one: Running, box: Box) -> Iterator[float]:
    """How bright each picture is where the plate comes, right of the host."""
    decoder = av.CodecContext.create("h264", "r")
    x0, y0, x1, y1 = box
    for packet in one.packets("video"):
        for frame in decoder.decode(av.Packet(packet.data)):
            luma: npt.NDArray[np.uint8] = frame.to_ndarray()[: frame.height]
            yield float(np.median(luma[y0 + 60 : y1 - 60, max(x0, 1600) : x1 - 40]))


def test_the_label_is_where_these_tests_believe() -> None:
    picture = Picture(1920, 1080)
    picture.data[:] = 128
    Label(1920, 1080, (0, 0, 2, 2)).stamp(picture)
    rows, columns = np.nonzero(picture.y != 128)
    assert (columns.min(), rows.min()) >= (MARGIN, MARGIN)
    assert columns.max() < LABEL[2]
    assert rows.max() < LABEL[3]
