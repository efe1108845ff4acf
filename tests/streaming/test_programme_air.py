"""The programme with everything real: voice, stage, documents, a viewer who asks, and a gateway that is killed."""

import asyncio
from pathlib import Path

import pytest
import yaml

from knowledge.folder import read_folder
from knowledge.telling import telling
from streaming.bench.viewer import Viewer, viewer
from streaming.programme.rundown import BRIDGES
from tests.streaming.conftest import MODELS_S, ROOMS, free_port, serving, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(4000), pytest.mark.usefixtures("alone")]

TOPIC = "en/bronzes.md"


def room(folder: Path) -> str:
    """The museum's guide with a programme, beside the rooms that tests copy; its name."""
    settings = yaml.safe_load((ROOMS / "museum-guide.yaml").read_text("utf-8"))
    settings["programme"] = {"segments": {"bronzes": {"topic": TOPIC}}, "pause_s": 1}
    (folder / "rooms").mkdir()
    (folder / "rooms" / "talk.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")
    return "talk"


def statements() -> list[str]:
    documents = read_folder(ROOMS / "museum-guide").documents
    passages = [passage for one in documents for passage in one.passages if passage.source == TOPIC]
    return [statement for told in telling(passages) for statement in told.statements]


def captions(one: Viewer) -> list[str]:
    return [m["text"] for m in one.seen.messages if m["type"] == "caption"]


async def told(one: Viewer, known: list[str], number: int) -> list[str]:
    """Statements of the documents that were said, once there are so many; each as one caption or several."""
    async with asyncio.timeout(180):
        while True:
            said = "".join(captions(one)).replace(" ", "")
            found = [statement for statement in known if statement.replace(" ", "") in said]
            if len(found) >= number:
                return found
            await asyncio.sleep(0.5)


async def test_the_host_tells_the_documents_answers_in_between_and_goes_on_after_being_killed(tmp_path: Path) -> None:
    name, known = room(tmp_path), statements()
    with serving(tmp_path, free_port(), name) as air:
        wait_for(air, "read", MODELS_S, lambda health: health["rooms"][0]["can_answer"])
        async with viewer(air.address, name, decode=False) as one:
            before = await told(one, known, 2)
            await one.ask("How much does a ticket cost?")
            done = await one.wait_for("answer.done", 180, id="c1")
            assert "yuan" in done["text"]
            await one.wait_for("speech.ended", 60, id="c1")
            after = await told(one, known, len(before) + 2)
            assert [text for text in BRIDGES["en"] if text in captions(one)]
            # A sentence is never cut for a typed question: nothing of the programme is said twice.
            assert len(set(captions(one))) == len(captions(one)), captions(one)
        air.process.kill()
        air.process.wait()
    with serving(tmp_path, free_port(), name) as air:
        wait_for(air, "read", 300, lambda health: health["rooms"][0]["can_answer"])
        async with viewer(air.address, name, decode=False) as one:
            again = await told(one, known, 2)
            assert not set(again) & set(after[:-1]), "what was said before the kill was said again"
