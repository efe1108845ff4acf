"""How a voice sounds, kept beside its model."""

import os
from pathlib import Path

import numpy as np
import pytest

from avatar.voice.kept import Kept

STYLES = np.arange(12, dtype=np.float32).reshape(3, 4)
MEANS = (np.ones((2, 3), np.float32), np.arange(4, dtype=np.float32))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"model")
    return file


def test_what_was_found_out_is_found_again(model: Path) -> None:
    kept = Kept.beside(model, STYLES, [1, 2])
    assert kept.find(2) is None
    kept.keep(MEANS, 0.123456789012345)
    found = Kept.beside(model, STYLES, [1, 2]).find(2)
    assert found is not None
    assert all(np.array_equal(one, other) for one, other in zip(found[0], MEANS, strict=True))
    assert found[1] == 0.123456789012345
    assert sorted(file.name for file in model.parent.iterdir()) == sorted([kept.file.name, "model.onnx"])


def test_another_voice_sentence_or_model_is_another(model: Path) -> None:
    kept = Kept.beside(model, STYLES, [1, 2])
    others = [Kept.beside(model, STYLES + 1, [1, 2]), Kept.beside(model, STYLES, [1, 3])]
    os.utime(model, ns=(1, 1))
    others.append(Kept.beside(model, STYLES, [1, 2]))
    assert len({one.file for one in (kept, *others)}) == 4


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_damaged_file_is_none(model: Path, content: bytes | None) -> None:
    kept = Kept.beside(model, STYLES, [1])
    kept.keep(MEANS, 1.0)
    kept.file.write_bytes(kept.file.read_bytes()[:200] if content is None else content)
    assert kept.find(2) is None


def test_fewer_means_than_there_should_be_is_none(model: Path) -> None:
    kept = Kept.beside(model, STYLES, [1])
    kept.keep(MEANS, 1.0)
    assert kept.find(3) is None


def test_where_nothing_may_be_written_it_goes_on(model: Path) -> None:
    kept = Kept(model.parent / "gone" / "heard.npz")
    kept.keep(MEANS, 1.0)
    assert kept.find(2) is None
