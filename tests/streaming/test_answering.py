from pathlib import Path

import pytest

from knowledge.chain import Chain
from knowledge.llm import OpenAIChat
from streaming.answering import EmbeddedChat, chat_model
from streaming.engines import Engines
from streaming.errors import RoomFileError
from streaming.models.store import Store
from streaming.roomfile import Llm
from tests.streaming.settings import room_file


async def test_a_room_chooses_its_language_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = Engines(Store(tmp_path), [room_file(tmp_path)])
    assert isinstance(chat_model([Llm()], engines), Chain)
    elsewhere = Llm(base_url="http://127.0.0.1:9/v1", model="big", api_key_env="BIG_KEY")
    monkeypatch.delenv("BIG_KEY", raising=False)
    with pytest.raises(RoomFileError, match=r"api_key_env names BIG_KEY, which is not set; export it"):
        chat_model([elsewhere, Llm()], engines)
    monkeypatch.setenv("BIG_KEY", "secret")
    chat = chat_model([elsewhere, Llm()], engines)
    assert [type(model._model) for model in chat._models] == [OpenAIChat, EmbeddedChat]
    await chat.aclose()
