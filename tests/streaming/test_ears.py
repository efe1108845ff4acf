"""Microphones of a room without its stage: from a browser's packets to a question in the room."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avatar.voice import read_aloud
from avatar.voice.hibari import Hibari
from streaming.bench.hall import over_opus
from streaming.ears import Talker
from streaming.engines import Engines
from streaming.errors import EngineError
from streaming.hearing.listener import Began, Continued, Heard, Meant, Nothing, Partial, Said
from streaming.hearing.microphone import OpusPacket, Pcm
from streaming.hearing.transcript import Language, Transcript
from streaming.on_air import OnAir
from streaming.packets import Packet
from streaming.playout import at_48k
from streaming.protocol import TalkStart
from streaming.seat import Seat
from tests.streaming.test_on_air_alone import Knowing, cited, on_air, receive

QUESTION = "How long may a probation period be?"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits here for seconds to pass before their packets come."""
    monkeypatch.setattr("streaming.ears._AHEAD_S", 60.0)


@pytest.fixture(scope="module")
def packets() -> list[OpusPacket]:
    """A question with silence around it."""
    quiet = np.zeros(48_000, np.float32)
    said = [at_48k(chunk).pcm for chunk in read_aloud(Hibari(), QUESTION, "en")]
    sound = np.concatenate([quiet, *said, quiet, quiet])
    return list(over_opus(sound, 0.0, np.random.default_rng(1)))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Pcm]:
    """What was given to the recognizer, which understands :data:`QUESTION` in everything."""
    given: list[Pcm] = []

    async def recognize(_: Engines, pcm: Pcm, language: Language | None, words: Mapping[Language, str]) -> Transcript:
        given.append(pcm)
        return Transcript(QUESTION, "en", no_speech=False, confidence=0.9)

    async def glimpse(*_: Any) -> None:
        return None

    monkeypatch.setattr(Engines, "recognize", recognize)
    monkeypatch.setattr(Engines, "glimpse", glimpse)
    return given


async def send(room: OnAir, seat: Seat, **message: Any) -> None:
    await room.receive(seat, json.dumps(message))


def speak(room: OnAir, seat: Seat, packets: Iterable[OpusPacket]) -> None:
    for packet in packets:
        room.whep._heard(seat.viewer, packet)


async def test_a_held_button_brings_a_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packets: list[OpusPacket], heard: list[Pcm]
) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _):
        await room.start()
        room.knows(Knowing(cited), lambda text: text.replace("probation", "trial"))
        seat = room.greet()
        speak(room, seat, packets)  # nobody listens yet
        await send(room, seat, type="talk.start", id="t1")
        assert (await receive(seat, "host"))["state"] == "listening"
        speak(room, seat, packets[:120])
        await send(room, seat, type="talk.end", id="t1")
        final = await receive(seat, "asr.final", "t1")
        assert final["text"] == "How long may a trial period be?"
        await receive(seat, "accepted", "t1")
        assert (await receive(seat, "answer.done", "t1"))["text"].startswith(final["text"])
        (pcm,) = heard
        assert len(pcm) / 16_000 == pytest.approx(2.4, abs=0.1)


async def test_without_a_button_pauses_end_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packets: list[OpusPacket], heard: list[Pcm]
) -> None:
    async with on_air(tmp_path, monkeypatch, microphones="open") as (room, _):
        await room.start()
        room.knows(Knowing(cited))
        seat = room.greet()
        await send(room, seat, type="talk.start", id="t", hands_free=True)
        for turn in (1, 2):
            shift = turn * 960 * len(packets)
            for packet in packets:
                room.whep._heard(seat.viewer, OpusPacket(packet.timestamp + shift, packet.payload))
                if packet.timestamp % 9600 == 0:
                    await receive_nothing()
            assert (await receive(seat, "asr.partial"))["id"] == f"t.{turn}"
            assert (await receive(seat, "asr.final"))["id"] == f"t.{turn}"
            assert (await receive(seat, "accepted"))["id"] == f"t.{turn}"
            await receive(seat, "speech.ended")
        await send(room, seat, type="talk.end", id="t")
        heard.clear()
        speak(room, seat, packets)
        assert heard == []


async def test_where_there_is_a_wake_word_nothing_is_heard_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: list[Pcm]
) -> None:
    async with on_air(tmp_path, monkeypatch, microphones="open", wake_words=["hello Mei"]) as (room, _):
        await room.start()
        room.knows(Knowing(cited))
        await room._learn_wake_words(["hello Mei"])
        seat = room.greet()
        assert json.loads(await seat.next())["room"]["wake_words"] == ["hello Mei"]
        talker = Talker(seat.viewer, TalkStart(type="talk.start", id="t", hands_free=True), 1)

        def hear(*what: Heard) -> None:
            for one in what:
                room._heard(talker, one)

        def said(text: str) -> Said:
            return Said(Transcript(text, "en", no_speech=False, confidence=0.9))

        hear(Began(), Meant(), Partial("What do you"), said("What do you think of it?"), Nothing(), Continued())
        assert room.core.state == "idle"
        hear(Began(), said("Hello, May!"))
        assert (await receive(seat, "asr.final"))["text"] == ""
        await send(room, seat, type="presence", here=False)
        hear(Began(), Nothing("We met"))
        assert not room.core.heeds(seat.viewer)
        hear(Began(), Nothing("Hello may"))
        assert (await receive(seat, "asr.final"))["text"] == ""
        talker = replace(talker, turn=2)
        hear(Began(), Meant(), Partial("What do you"), said(QUESTION))
        assert (await receive(seat, "accepted"))["id"] == "t.2"
        await send(room, seat, type="presence", here=False)
        talker = replace(talker, turn=3)
        hear(Began(), said(QUESTION))
        hear(Began(), Partial("hello Mei"), said(f"Hello Mei, {QUESTION}"))
        assert (await receive(seat, "accepted"))["id"] == "t.3"
        final = await receive(seat, "question", "t.3")
        assert final["text"] == QUESTION


async def receive_nothing() -> None:
    """Let what was begun go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_host_is_listened_to_only_where_it_may_be_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packets: list[OpusPacket]
) -> None:
    async with on_air(tmp_path, monkeypatch, microphones="open") as (room, _):
        seat = room.greet()
        ears = room._ears
        said = [Packet("opus", packet.timestamp, True, packet.payload) for packet in packets]
        before = ears._host.recent.copy()
        for packet in said:
            ears.hear_host(packet)
        assert np.array_equal(ears._host.recent, before)
        await send(room, seat, type="talk.start", id="t", hands_free=True)
        for packet in said[:100]:
            ears.hear_host(packet)
        assert not np.array_equal(ears._host.recent, before)


async def test_a_room_with_buttons_takes_no_open_microphone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _):
        seat = room.greet()
        await send(room, seat, type="talk.start", id="t", hands_free=True)
        assert (await receive(seat, "rejected", "t"))["code"] == "not_hands_free"


async def test_silence_and_a_missing_recognizer_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packets: list[OpusPacket]
) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _):
        seat = room.greet()
        await send(room, seat, type="talk.start", id="t1")
        speak(room, seat, packets)
        await send(room, seat, type="talk.end", id="t1")
        assert (await receive(seat, "error", "t1"))["code"] == "hearing_unavailable"
        assert room.core.state == "idle"

        async def nothing(*_: Any) -> Transcript:
            return Transcript("", "en", no_speech=True, confidence=0.0)

        monkeypatch.setattr(Engines, "recognize", nothing)
        await send(room, seat, type="talk.start", id="t2")
        await send(room, seat, type="talk.end", id="t2")
        assert (await receive(seat, "asr.final", "t2"))["text"] == ""
        assert (await receive(seat, "rejected", "t2"))["code"] == "nothing_heard"


async def test_who_has_left_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packets: list[OpusPacket], heard: list[Pcm]
) -> None:
    async with on_air(tmp_path, monkeypatch, microphones="open") as (room, _):
        await room.start()
        room.knows(Knowing(cited))
        seat = room.greet()
        await send(room, seat, type="ask", id="c1", text="How long?")
        await receive(seat, "speech.ended", "c1")
        assert room._dialogue.recall(seat.viewer, 0.0)
        await send(room, seat, type="presence", here=False)
        assert room._dialogue.recall(seat.viewer, 0.0) == ()
        await send(room, seat, type="presence")
        assert (await receive(seat, "error"))["code"] == "bad_message"


async def test_a_recognizer_that_breaks_in_a_glimpse_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packets: list[OpusPacket], heard: list[Pcm]
) -> None:
    async def broken(*_: Any) -> None:
        raise EngineError("it broke")

    monkeypatch.setattr(Engines, "glimpse", broken)
    async with on_air(tmp_path, monkeypatch) as (room, _):
        await room.start()
        room.knows(Knowing(cited))
        seat = room.greet()
        await send(room, seat, type="talk.start", id="t1")
        for packet in packets[:120]:
            room.whep._heard(seat.viewer, packet)
            await receive_nothing()
        await send(room, seat, type="talk.end", id="t1")
        assert (await receive(seat, "asr.final", "t1"))["text"] == QUESTION


@pytest.mark.parametrize("how", ["goes on", "is gone", "is still there"])
async def test_what_moderation_still_looks_at_is_asked_only_of_who_has_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    async with on_air(tmp_path, monkeypatch, microphones="open") as (room, _):
        await room.start()
        room.knows(Knowing(cited))
        seat, looked = room.greet(), asyncio.Event()
        judged = room._judged

        async def slowly(*arguments: Any) -> Any:
            await looked.wait()
            return await judged(*arguments)

        asked: list[str] = []

        def said_by(viewer: str, *_: Any) -> list[Any]:
            asked.append(viewer)
            return room.core.unsaid(viewer, room.now())

        monkeypatch.setattr(room, "_judged", slowly)
        monkeypatch.setattr(room.core, "said", said_by)
        await send(room, seat, type="talk.start", id="t", hands_free=True)
        talker = Talker(seat.viewer, TalkStart(type="talk.start", id="t", hands_free=True), 1)
        said = Said(Transcript(QUESTION, "en", no_speech=False, confidence=0.9))
        for one in (Began(), Meant(), said):
            room._heard(talker, one)
        await receive_nothing()
        if how == "goes on":
            room._heard(replace(talker, turn=2), Continued())
        elif how == "is gone":
            await send(room, seat, type="presence", here=False)
        looked.set()
        await asyncio.sleep(0.2)
        assert len(asked) == (how == "is still there")
        assert bool(room.core._talkers) == (how == "goes on")
