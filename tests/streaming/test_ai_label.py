"""That a room says it is AI, read from what comes out of it: pixels, sound, the H.264 stream, files, what is said."""

import asyncio
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiortc.codecs.h264 import H264PayloadDescriptor
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, TICKS_PER_SECOND
from avatar.picture import Picture
from avatar.voice import read_aloud
from avatar.voice.hibari import Hibari
from streaming import actions as do
from streaming import inspect, rhythm, sei
from streaming.cli import main
from streaming.cues import KeyFrame, Ready, StageConfig, Told
from streaming.encoders import X264, Lighter, h264
from streaming.errors import EverhostError
from streaming.fanout import Fanout
from streaming.label import Label, aigc, likeness
from streaming.outlets.target import LABELS, Opening, metadata
from streaming.outlets.writer import Muxer
from streaming.packets import Packet
from streaming.playout import at_48k
from streaming.programme.programme import Programme
from streaming.rhythm import Rhythm
from streaming.room import LABEL_AGAIN_S, Room
from streaming.understudy import stage_config
from streaming.whep import Whep
from tests.streaming.settings import room_file
from tests.streaming.test_room import ask, only
from tests.streaming.test_stage import Running, heard
from tests.streaming.test_whep import player

# In the stream


@given(st.binary(max_size=600))
def test_user_data_comes_back_whatever_it_is(data: bytes) -> None:
    unit = sei.unit(data)
    assert sum(unit[4:].count(code) for code in (b"\x00\x00\x00", b"\x00\x00\x01", b"\x00\x00\x02")) == 0
    assert list(sei.user_data(list(sei.units_of(unit)))) == [data]


def test_others_user_data_is_not_ours() -> None:
    other = sei.unit(b"x264", sei.uuid.UUID(int=7))
    assert list(sei.user_data(list(sei.units_of(other)))) == []


@pytest.mark.parametrize("torn", [b"\x06", b"\x06\x05", b"\x06\x05\xff", b"\x06\x05\x20short", b""])
def test_a_torn_unit_says_nothing(torn: bytes) -> None:
    assert list(sei.user_data([torn])) == []


def test_every_key_frame_says_so_and_no_other() -> None:
    unit = sei.unit(b"{}")
    encoder, lighter = h264(320, 192, X264("ultrafast"), "x264", unit), Lighter(640, 384, "ultrafast", unit)
    picture, double = Picture(320, 192), Picture(640, 384)
    for tick in range(6):
        key = tick in (0, 4)
        packets = [encoder.encode(picture, tick, key=key)]
        packets += lighter.encode(
            double, tick, frozenset({"h264-light", "vp8-light"}), {"h264-light"} if key else set()
        )
        for packet in packets:
            said = list(sei.user_data(list(sei.units_of(packet.data))))
            assert said == ([b"{}"] if packet.key and packet.encoding != "vp8-light" else [])
            kinds = [unit[0] & 0x1F for unit in sei.units_of(packet.data)]
            if said:
                assert kinds.index(7) < kinds.index(6) < kinds.index(5)  # after the parameter sets, before the slice


# In the sound


def test_the_rhythm_is_found_where_it_is() -> None:
    random = np.random.default_rng(1)
    sound = random.normal(0, 0.004, 6 * SAMPLE_RATE).astype(np.float32)
    for at in (0.5, 3.25):
        begin = round(at * SAMPLE_RATE)
        sound[begin : begin + len(rhythm.rhythm())] += rhythm.rhythm()
    assert list(rhythm.found(sound)) == pytest.approx([0.5, 3.25], abs=0.02)


def test_speech_has_no_rhythm_label() -> None:
    text = "The probation period may not be longer than six months. Ask for the contract, and read it twice."
    speech = np.concatenate([at_48k(chunk).pcm for chunk in read_aloud(Hibari(), text, "en")])
    assert list(rhythm.found(speech)) == []
    middle = len(speech) // 2
    speech[middle : middle + len(rhythm.rhythm())] += rhythm.rhythm()
    assert list(rhythm.found(speech)) == pytest.approx([middle / SAMPLE_RATE], abs=0.03)


def mixed(label: Rhythm, seconds: float, speaking: bool = False) -> np.ndarray[Any, Any]:
    ticks = []
    for _ in range(round(seconds * TICKS_PER_SECOND)):
        sound = np.zeros(SAMPLES_PER_TICK, np.float32)
        label.mix(sound, speaking=speaking)
        ticks.append(sound)
    return np.concatenate(ticks)


def test_the_rhythm_comes_at_the_start_and_on_the_timer_and_waits_for_the_host_but_not_for_ever() -> None:
    listener = rhythm.Listener()
    label = Rhythm(every_s=10.0)
    for part in (mixed(label, 25.0), mixed(label, 10.0, speaking=True), mixed(label, 5.0)):
        listener.hear(part)
    listener.finish()
    assert listener.found == pytest.approx([0, 10, 20, 35], abs=0.05)
    heard_anyway = list(rhythm.found(mixed(Rhythm(10.0), rhythm.PATIENCE_S + 3, speaking=True)))
    assert heard_anyway == pytest.approx([rhythm.PATIENCE_S], abs=0.1)


def test_a_long_sound_is_heard_across_its_pieces() -> None:
    sound = mixed(Rhythm(every_s=19.6), 65.0)  # one of them lies across two pieces
    listener = rhythm.Listener()
    for at in range(0, len(sound), 4800):
        listener.hear(sound[at : at + 4800])
    listener.finish()
    assert listener.found == pytest.approx([0, 19.6, 39.2, 58.8], abs=0.05)


# In words


def talkative(**label: Any) -> Room:
    settings = room_file(label=label, programme={"segments": {"talk": {"script": "一。二。三。"}}})
    assert settings.programme
    return Room(settings, 0.0, Programme(settings.programme, "zh"))


def says(actions: list[do.Action]) -> list[do.Speak]:
    return only(do.Speak, actions)


def told_through(room: Room, until: float) -> list[tuple[float, str]]:
    """What the host says and when, if every sentence takes four seconds."""
    said, now, actions = [], 0.0, room.tick(0.0)
    while now < until:
        for one in says(actions):
            said.append((now, one.text))
            actions = room.speech_started(one.utterance, now) + room.speech_ended(one.utterance, now + 4)
            break
        else:
            actions = room.tick(now + 4)
        now += 4
    return said


def test_the_host_says_so_first_and_again_on_the_timer() -> None:
    room = talkative(every_minutes=5, text={"zh": "我是人工智能。", "en": "I am an AI."})
    at = [at for at, text in told_through(room, 1000.0) if text == "我是人工智能。"]
    assert len(at) == 4
    assert at[0] == 0.0
    assert all(300 <= later - earlier <= 330 for earlier, later in pairwise(at))


def test_what_no_voice_could_say_is_said_later() -> None:
    room = talkative(text="AI.")
    [said] = says(room.tick(0.0))
    [line] = says([*room.speech_ended(said.utterance, 1.0), *room.tick(2.0)])  # it never sounded
    assert line.text != said.text
    room.speech_started(line.utterance, 2.0)
    later = LABEL_AGAIN_S + 1
    [again] = says([*room.speech_ended(line.utterance, later), *room.tick(later + 1)])
    assert again.text == said.text


def test_nobody_waits_for_it() -> None:
    room = talkative()
    assert only(do.Answer, room.asked("v1", ask(), 0.0))


def test_it_may_be_left_out() -> None:
    assert "人工智能" not in says(talkative(spoken=False).tick(0.0))[0].text


# From the outputs of a room


@pytest.fixture(scope="module")
def stage() -> Iterator[Running]:
    one = Running(StageConfig("lin", x264=X264("ultrafast"), aac=True, rhythm_s=6.0, producer="museum"))
    one.thread.start()
    one.until(lambda: len(one.packets("video")) > 11 * TICKS_PER_SECOND)
    yield one
    one.stage.command(None)
    one.thread.join(30)


@pytest.mark.real
@pytest.mark.parametrize("kind", ["mp4", "flv"])
def test_a_file_of_a_room_says_it_in_every_way(
    kind: Any, stage: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"room.{kind}"
    options = {"mp4": {"movflags": "hybrid_fragmented+use_metadata_tags"}, "flv": {"flvflags": "no_duration_filesize"}}
    muxer = Muxer(Opening(str(path), kind, 1920, 1080, options[kind], metadata(LABELS)))
    for packet in stage.all(Packet):
        if packet.encoding in ("h264", "aac"):
            muxer.write(packet)
    muxer.close()
    assert main(["inspect", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metadata"]["Label"] == "1"
    assert found["marked"] == found["keys"] > 0
    (ready,) = stage.all(Ready)
    assert [(one["ContentProducer"], one["ProduceID"]) for one in found["stream"]] == [("museum", ready.produce_id)]
    assert found["labelled"] == found["looked"] > 1
    assert found["rhythm"][:2] == pytest.approx([0, 6], abs=0.1)


@pytest.mark.real
def test_webrtc_viewers_hear_the_rhythm(stage: Running) -> None:
    sound = heard([packet for packet in stage.packets("audio") if packet.encoding == "opus"])
    assert list(rhythm.found(sound))[:2] == pytest.approx([0, 6], abs=0.1)


@pytest.mark.real
async def test_a_webrtc_viewer_gets_it_in_the_stream() -> None:
    loop = asyncio.get_running_loop()

    def tell(told: Told) -> bool:
        if isinstance(told, Packet):
            loop.call_soon_threadsafe(fanout.send, told)
        return True

    one = Running(StageConfig("lin", x264=X264("ultrafast"), producer="everhost"))
    one.stage._tell = tell
    fanout = Fanout(lambda encoding: one.stage.command(KeyFrame(encoding)), lambda light: None)
    whep = Whep(fanout, lambda viewer, frame: None, lambda *clock: None)
    one.thread.start()
    try:
        async with player(whep) as (connection, video, _):
            (receiver,) = (r for r in connection.getReceivers() if r.track.kind == "video")
            units: list[bytes] = []
            handle = receiver._handle_rtp_packet

            async def spy(packet: RtpPacket, arrival_time_ms: int) -> None:
                units.extend(sei.units_of(H264PayloadDescriptor.parse(packet.payload)[1]))
                await handle(packet, arrival_time_ms)

            receiver._handle_rtp_packet = spy
            async with asyncio.timeout(30):
                while not (said := list(sei.user_data(units))):
                    await video.recv()
            assert json.loads(said[0])["Label"] == "1"
    finally:
        await whep.close_all()
        one.stage.command(None)
        await asyncio.to_thread(one.thread.join, 30)


@pytest.mark.parametrize("background", [16, 128, 235])
def test_the_picture_without_a_label_is_told_from_one_with_it(background: int) -> None:
    picture = Picture(1920, 1080)
    picture.y[:], picture.u[:], picture.v[:] = background, 128, 128
    assert likeness(picture.y) < 0.3
    Label(1920, 1080, (0, 0, 2, 2)).stamp(picture)
    assert likeness(picture.y) > inspect.SEEN


def test_a_room_without_labels_has_none() -> None:
    settings = room_file(label={"picture": False, "rhythm": False, "metadata": False})
    config = stage_config(settings)
    assert (config.label, config.rhythm_s, config.producer) == (False, None, "")
    assert metadata(settings.label) == {}


def test_metadata_names_the_producer() -> None:
    assert json.loads(aigc("p1", "某博物馆")) == {
        "Label": "1",
        "ContentProducer": "某博物馆",
        "ProduceID": "p1",
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }


def test_what_is_no_video_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Nothing to see.")
    with pytest.raises(EverhostError, match=r"notes\.txt cannot be read .*MP4 or FLV"):
        inspect.inspect(path)
    assert main(["inspect", str(tmp_path / "none.mp4")]) == 2
    assert "No such file" in capsys.readouterr().err
