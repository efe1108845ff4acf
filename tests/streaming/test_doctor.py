import socket
import sys
from pathlib import Path

import pytest

from streaming import doctor
from streaming.doctor import Finding, examine, run, table
from streaming.models import Store

NEED = Finding("model x", False, "not here", "everhost doctor --fetch")
EXTRA = Finding("Redis", False, "no client", "pip install redis", required=False)
FINE = Finding("Python", True, "3.11", "never shown")


def test_table_tells_required_from_optional() -> None:
    lines = table([FINE, EXTRA, NEED]).splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "optional", "→", "MISSING", "→", "Required"]
    assert "never shown" not in table([FINE])
    assert "Everything that is required" in table([FINE, EXTRA])


@pytest.mark.real
def test_this_machine_can_run_a_room(tmp_path: Path) -> None:
    findings = examine(Store(tmp_path / "not" / "there"))
    unmet = {finding.what for finding in findings if finding.required and not finding.ok}
    assert unmet == {f"model {name}" for name in doctor.DEFAULT_MODELS}
    assert {"numba", "av", "codecs", "packages", "port", "disk"} <= {finding.what for finding in findings}
    assert not (tmp_path / "not").exists()


def test_broken_native_package_is_named_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brokenlib.py").write_text("import os; os.kill(os.getpid(), 4)")
    (tmp_path / "oldlib.py").write_text("raise ImportError('libold.so.1: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(doctor, "_NATIVE", ("brokenlib", "oldlib", "json"))
    dead, old, fine = doctor._native_packages()
    assert (dead.ok, dead.detail) == (False, "dies with exit status -4")
    assert "libold.so.1" in old.detail
    assert sys.executable in old.remedy
    assert fine.ok


def test_taken_port_is_not_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(doctor, "_PORT", taken.getsockname()[1])
        port = doctor._port()
    assert not port.ok
    assert not port.required
    assert "in use" in port.detail


def test_wrong_file_in_the_own_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text("{}")
    (tmp_path / "kokoro-v1.0.int8.onnx").write_text("not a model")
    store = Store(tmp_path / "models", folder=tmp_path)
    (kokoro,) = [finding for finding in doctor._models(store) if finding.what == "model kokoro"]
    assert not kokoro.ok
    assert "catalogued" in kokoro.detail


@pytest.mark.real
def test_exit_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("EVERHOST_MODELS", str(tmp_path))
    assert run() == 1
    assert "everhost doctor --fetch" in capsys.readouterr().out
    monkeypatch.delenv("EVERHOST_MODELS")
    assert run(fetch=True) == 0
