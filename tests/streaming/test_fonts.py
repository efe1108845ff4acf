import shutil
from pathlib import Path

import pytest
import reportlab

from streaming import fonts
from streaming.fonts import BOLD, REGULAR, Typeface
from streaming.models import Store

VERA = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"


def latin(folder: Path) -> tuple[Typeface, ...]:
    """A machine whose only font is Western."""
    shutil.copy(VERA, folder)
    return fonts.find(None, [folder])


def noto() -> tuple[Typeface, ...]:
    return fonts.find(Store.from_environment().fetch(fonts.MODEL), [])


def test_a_machine_without_fonts_has_none(tmp_path: Path) -> None:
    assert fonts.find(None, [tmp_path, tmp_path / "not" / "there"]) == ()


def test_a_western_font_says_that_it_has_no_chinese(tmp_path: Path) -> None:
    (typeface,) = latin(tmp_path)
    assert typeface.has("a")
    assert typeface.has("é")
    assert not typeface.has("中")
    assert not typeface.chinese


def test_broken_fonts_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "NotoSansSC.otf").write_bytes(b"")
    (tmp_path / "NotoSansSC-Cut.ttf").write_bytes(VERA.read_bytes()[:3000])
    (tmp_path / "NotoSansCJK-Regular.ttc").write_bytes(b"ttcf" + b"\xff" * 200)
    (tmp_path / "wqy-microhei.ttf").mkdir()
    (typeface,) = latin(tmp_path)
    assert typeface.path.name == "Vera.ttf"


@pytest.mark.real
def test_the_fetched_font_has_chinese_in_any_weight() -> None:
    (typeface,) = noto()
    assert typeface.chinese
    assert not typeface.has("🎉")
    thick, thin = (typeface.at(40, weight).getmask("中").getbbox() for weight in (BOLD, REGULAR))
    assert thick != thin
