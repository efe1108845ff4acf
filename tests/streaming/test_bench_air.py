"""The benches of being on air, short: that they measure what they say. How fast a machine is, they say, not we."""

import json

import pytest

from streaming.bench import loss, mixed, soak, stage, sync
from streaming.cli import main
from streaming.errors import StageError

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def test_sound_and_picture_of_an_instant_are_one_and_the_measure_would_see_if_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sync, "_CHECK_S", 5)
    report = sync.run("lin", 5)
    assert report.plain.events >= 3
    assert abs(report.plain.median) < 5
    assert report.late_sound.median == pytest.approx(83.3, abs=5)
    assert report.late_picture.median == pytest.approx(-83.3, abs=5)


def test_the_stages_costs_add_up() -> None:
    cost = stage.run("lin", 2, "1920x1080", "ultrafast")
    assert 0 < cost.draw.p50 <= cost.draw.p95 <= cost.draw.p99
    assert cost.cpu_ms > cost.draw_cpu_ms + cost.encode_cpu_ms > 0
    assert cost.kbps > 50
    assert "pictures a second" in stage.table(cost)
    with pytest.raises(StageError, match="WIDTHxHEIGHT"):
        stage.run("lin", 2, "full", "ultrafast")


def test_a_viewer_behind_loss_asks_again_and_sees_on() -> None:
    report = loss.run("lin", 4)
    for one, share in zip(report.lossy, loss.SHARES, strict=True):
        assert one.lost / one.of == pytest.approx(share, abs=0.02)
        assert one.again > 0
        assert one.freeze_ms < loss.FREEZE_MS
    assert "freeze" in loss.table(report)


def test_everything_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "mixed", "--seconds", "15", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["seconds"] == pytest.approx(15, abs=3)
    assert report["utterances"] >= 1
    assert 0 <= report["spoken_factor"] < 5
    assert "gaps in answers" in mixed.table(mixed.Mixed(**report))


def test_nobody_is_left_when_all_have_gone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(soak, "_WARM", 4)
    monkeypatch.setattr(soak, "_EVERY", 4)
    assert main(["bench", "soak", "--joins", "8", "--minutes", "0.05", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["joins"] == 8
    for before, after in (report["descriptors"], report["tasks"], report["threads"]):
        assert after <= before
