"""Consent and licence before a voice is cloned; the engine itself, where coqui-tts is installed, with a tiny model."""

import datetime
from pathlib import Path

import numpy as np
import pytest

from avatar.errors import VoiceError
from avatar.voice import coqui, read_aloud
from avatar.voice.clauses import Clause
from avatar.voice.coqui import Coqui, consent

GOOD = "who: Anna Li\nwhen: 2026-05-01\npurpose: answers in the museum's rooms\n"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "anna.wav"
    path.write_bytes(b"RIFF")
    return path


def test_consent_is_read(recording: Path) -> None:
    recording.with_suffix(".consent.yaml").write_text(GOOD + "until: 2999-01-01\n")
    given = consent(recording)
    assert (given.who, given.when) == ("Anna Li", datetime.date(2026, 5, 1))


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (None, "no record of their consent.*keys who, when, purpose"),
        ("", "not complete"),
        ("who: Anna\nwhen: 2026-05-01\n", "purpose"),
        (GOOD.replace("2026-05-01", "2999-05-01"), "in the future"),
        (GOOD.replace("2026-05-01", "soon"), "when"),
        (GOOD + "until: 2026-06-01\n", "ended on 2026-06-01"),
        (GOOD + "price: 3\n", "price"),
        ("who: [", "cannot be read"),
    ],
)
def test_without_a_valid_record_no_voice_is_cloned(recording: Path, record: str | None, says: str) -> None:
    if record is not None:
        recording.with_suffix(".consent.yaml").write_text(record)
    with pytest.raises(VoiceError, match=says):
        consent(recording)


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match="no reference recording"):
        consent(tmp_path / "nobody.wav")


def test_a_licence_is_accepted_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coqui, "find_spec", lambda _: object())
    with pytest.raises(VoiceError, match="licence_accepted: true"):
        Coqui("tts_models/multilingual/multi-dataset/xtts_v2")


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coqui, "find_spec", lambda _: None)
    with pytest.raises(VoiceError, match=r"everhost\[neural\]"):
        Coqui("anything")


@pytest.mark.real
def test_a_model_of_the_package_speaks(tmp_path: Path) -> None:
    """With a tiny VITS of random weights: it mumbles, through all of the package's own loading code."""
    pytest.importorskip("TTS", reason="coqui-tts is an extra of several gigabytes")
    import torch
    from TTS.tts.configs.vits_config import VitsArgs, VitsConfig
    from TTS.tts.models.vits import Vits

    size = {"hidden_channels": 16, "hidden_channels_ffn_text_encoder": 16, "upsample_initial_channel_decoder": 32}
    model = Vits(VitsConfig(model_args=VitsArgs(**size, num_layers_text_encoder=1), use_phonemes=False))
    model.config.save_json(str(tmp_path / "config.json"))
    torch.save({"model": model.state_dict()}, tmp_path / "model.pth")
    voice = Coqui(str(tmp_path / "model.pth"), languages="en")
    chunks = list(read_aloud(voice, "Good evening. It costs five dollars.", "en"))
    assert [c.text for c in chunks] == ["Good evening.", "It costs five dollars."]
    assert all(c.seconds > 0.2 and np.isfinite(c.pcm).all() for c in chunks)
    with pytest.raises(VoiceError, match="cannot load"):
        Coqui(str(tmp_path / "config.json"))


def test_numbers_are_read_by_the_house() -> None:
    assert coqui._said(Clause("See §§ 3-5, ext. 204.", "en")) == "See sections 3 to 5, extension two zero four."
    assert coqui._said(Clause("赔3倍。", "zh")) == "赔三倍. "
    assert coqui._said(Clause("GLM-4很好", "zh", lexicon=(("GLM-4", "G L M 四"),))) == "G L M 四很好"
