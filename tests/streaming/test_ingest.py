"""``everhost ingest``: a room's documents, indexed ahead."""

import json
from pathlib import Path

import pytest

from streaming.cli import main
from streaming.newroom import create

pytestmark = pytest.mark.real


def test_a_room_is_indexed_and_what_is_skipped_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("---\nvalid_to: 2099-12-31\n---\n# Museum\n\n## Hours\n\nOpen from nine to five.")
    (docs / "faq.csv").write_text("Question,Answer\nIs there a café?,On the second floor.\n")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7 no")
    room = create("museum", docs, "en", tmp_path)
    arguments = ["ingest", str(room), "--data", str(tmp_path / "var")]
    assert main(arguments) == 1
    told = capsys.readouterr()
    assert "     1  a.md: Museum (valid to 2099-12-31)" in told.out
    assert "     2  passages of 2 documents" in told.out
    assert "skipped: broken.pdf is no PDF that can be read" in told.err
    (docs / "broken.pdf").unlink()
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [(one["source"], one["embedded"]) for one in report["documents"]] == [("a.md", 1), ("faq.csv", 1)]
    assert (tmp_path / "var" / "museum.index.sqlite").exists()
