"""When a turn begins and ends, and what its listener makes of it."""

import asyncio
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest

from avatar.voice import read_aloud
from avatar.voice.hibari import Hibari
from streaming.bench.hall import echoed
from streaming.bench.together import microphone
from streaming.errors import EngineError
from streaming.hearing import listener as told
from streaming.hearing.echo import Echo, HostVoice
from streaming.hearing.ending import Ending, ending, keeps_company, repeats, says_goodbye
from streaming.hearing.listener import Listener
from streaming.hearing.microphone import OpusPacket, Pcm
from streaming.hearing.transcript import Transcript
from streaming.hearing.turn import CHUNK_S, USUAL, Happened, Turn
from streaming.hearing.vad import CHUNK

H = Happened
_RNG = np.random.default_rng(5)


def chunk(level: float) -> npt.NDArray[np.float32]:
    """A chunk of noise of so many dB."""
    return (_RNG.normal(0, 1, CHUNK) * 10 ** (level / 20)).astype(np.float32)


class Speaker:
    """Speaks into a turn, and remembers when what happened."""

    def __init__(self, turn: Turn, noise: float = -60.0) -> None:
        self.turn, self.noise = turn, noise
        self.now = 0.0
        self.happened: list[tuple[float, Happened]] = []
        self.silent(1.0)

    def says(self, seconds: float, level: float = -20.0) -> None:
        self._for(seconds, level, 0.95)

    def silent(self, seconds: float, probability: float = 0.02) -> None:
        self._for(seconds, self.noise, probability)

    def _for(self, seconds: float, level: float, probability: float) -> None:
        for _ in range(round(seconds / CHUNK_S)):
            self.now += CHUNK_S
            self.happened += [(self.now, one) for one in self.turn.hear(probability, chunk(level))]

    @property
    def names(self) -> list[Happened]:
        return [one for _, one in self.happened]

    def at(self, what: Happened) -> float:
        return next(at for at, one in self.happened if one is what)


def test_a_question_begins_at_once_and_ends_by_silence() -> None:
    speaker = Speaker(Turn())
    speaker.says(2.0)
    speaker.silent(2.5)
    assert speaker.names == [H.BEGAN, H.MEANT, H.PAUSED, H.ENDED]
    assert speaker.at(H.BEGAN) - 1.0 < 0.15
    assert speaker.at(H.MEANT) - 1.0 < 0.5
    assert speaker.at(H.ENDED) - 3.0 == pytest.approx(USUAL.open_s, abs=0.25)


@pytest.mark.parametrize("how", list(Ending))
def test_how_long_it_waits_depends_on_what_was_said(how: Ending) -> None:
    speaker = Speaker(Turn())
    speaker.says(2.0)
    speaker.silent(0.4)
    speaker.turn.written(how)
    speaker.silent(3.0)
    assert speaker.at(H.ENDED) - 3.0 == pytest.approx(USUAL.patience_s(how), abs=0.25)


def test_a_pause_within_a_sentence_is_none_of_its_end() -> None:
    speaker = Speaker(Turn())
    speaker.says(1.0)
    speaker.silent(0.5)
    speaker.turn.written(Ending.HANGING)
    speaker.silent(0.7)
    speaker.says(1.0)
    speaker.silent(1.5)
    assert speaker.names == [H.BEGAN, H.MEANT, H.PAUSED, H.RESUMED, H.PAUSED, H.ENDED]


def test_more_soon_after_the_end_belongs_to_it_and_later_does_not() -> None:
    speaker = Speaker(Turn())
    speaker.says(1.0)
    speaker.silent(1.3)
    speaker.says(1.0)
    speaker.silent(1.3)
    assert speaker.names.count(H.CONTINUED) == 1
    speaker.silent(2.0)
    assert speaker.turn.over
    speaker.says(1.0)
    assert speaker.names[-2:] == [H.BEGAN, H.MEANT]
    assert speaker.names.count(H.ENDED) == 2


@pytest.mark.parametrize("cough_s", [0.03, 0.13])
def test_a_cough_is_no_turn(cough_s: float) -> None:
    speaker = Speaker(Turn())
    speaker.says(cough_s)
    speaker.silent(2.0)
    assert H.ENDED not in speaker.names
    assert H.MEANT not in speaker.names


def test_a_full_hall_is_no_speech_though_it_sounds_like_it() -> None:
    speaker = Speaker(Turn(), noise=-32.0)
    speaker.silent(10.0, probability=0.95)
    assert speaker.names == []
    speaker.says(2.0, level=-20.0)
    speaker.silent(3.0, probability=0.95)
    assert speaker.names == [H.BEGAN, H.MEANT, H.PAUSED, H.ENDED]


@pytest.mark.parametrize("gap_s", [0.5, 0.8, 3.0])
def test_packets_that_stay_away_say_nothing_of_the_noise(gap_s: float) -> None:
    speaker = Speaker(Turn(), noise=-32.0)
    speaker.silent(10.0, probability=0.95)
    for _ in range(round(gap_s / CHUNK_S)):
        assert speaker.turn.hear(0.02, np.zeros(CHUNK, np.float32), missing=True) == []
    speaker.silent(10.0, probability=0.95)
    assert speaker.names == []
    speaker.says(2.0, level=-20.0)
    assert speaker.names == [H.BEGAN, H.MEANT]


def test_what_somebody_goes_on_with_is_meant_itself() -> None:
    speaker = Speaker(Turn())
    speaker.says(0.6)
    speaker.silent(1.3)
    speaker.says(0.25)
    assert speaker.names[-1] is H.CONTINUED
    speaker.says(0.4)
    assert speaker.names[-2:] == [H.CONTINUED, H.MEANT]


def test_who_never_ends_is_ended() -> None:
    speaker = Speaker(Turn())
    for _ in range(12):  # people breathe
        speaker.says(4.8)
        speaker.silent(0.2)
    assert speaker.names.count(H.ENDED) == 2
    assert speaker.names.count(H.BEGAN) >= 2


def test_while_a_button_is_held_silence_ends_nothing() -> None:
    speaker = Speaker(Turn(held=True))
    speaker.says(1.0)
    speaker.silent(10.0)
    speaker.says(1.0)
    speaker.silent(0.5)
    assert speaker.names == [H.BEGAN, H.MEANT, H.PAUSED, H.RESUMED, H.PAUSED]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("How long may a probation period be?", "en", Ending.COMPLETE),
        ("Can I get my deposit back?", "en", Ending.COMPLETE),
        ("Tell me who made this vase?", "en", Ending.COMPLETE),
        ("I was dismissed during probation.", "en", Ending.OPEN),
        ("What about the museum shop and", "en", Ending.HANGING),
        ("I worked there for three years, um...", "en", Ending.HANGING),
        ("The landlord said,", "en", Ending.HANGING),
        ("试用期最长多久。", "zh", Ending.COMPLETE),
        ("那孕期呢？", "zh", Ending.COMPLETE),
        ("能不能退一赔三", "zh", Ending.COMPLETE),
        ("我在公司干了三年。", "zh", Ending.OPEN),
        ("我想问一下", "zh", Ending.HANGING),
        ("公司没给我交社保，然后", "zh", Ending.HANGING),
        ("老板说那个……", "zh", Ending.HANGING),
        ("", "en", Ending.HANGING),
    ],
)
def test_how_texts_break_off(text: str, language: str, expected: Ending) -> None:
    assert ending(text, language) is expected  # type: ignore[arg-type]


def test_what_only_keeps_company() -> None:
    assert all(map(keeps_company, ["嗯嗯。", "好的", "Uh-huh.", "OK!", "I see."]))
    assert not any(map(keeps_company, ["为什么？", "谁？", "Why?", "好的工作要签合同吗", ""]))


def test_what_the_host_said_is_known_again() -> None:
    said = "On Fridays it stays open until 9 pm. The museum is open from Tuesday to Sunday."
    assert repeats("The museum is open from Tuesday to some day", said)
    assert repeats("青花出现在景德镇", "成熟的青花出现在景德镇，大约在十四世纪。")
    assert not repeats("Is the museum open on Mondays?", said)
    assert not repeats("9 pm?", said)
    assert not repeats("三彩是哪三种颜色", "三彩是黄、绿、白三种颜色的低温铅釉，")
    assert not repeats("", said)


def test_who_takes_their_leave() -> None:
    assert all(map(says_goodbye, ["再见！", "谢谢，再见。", "Thank you, goodbye.", "Bye-bye!"]))
    assert not any(map(says_goodbye, ["再见是什么意思", "Is goodbye said here?", ""]))


# The echo of the host


def over(host: Pcm, visitor: Pcm, decibels: float) -> tuple[list[bool], list[bool]]:
    """Which chunks are taken for the host's, and in which the visitor speaks."""
    voice = HostVoice()
    echo = Echo(voice)
    heard = echoed(host, np.random.default_rng(3)) * np.float32(10 ** (decibels / 20)) + visitor
    taken = []
    for said, sound in zip(chunks(host), chunks(heard), strict=True):
        voice.add(said)
        taken.append(echo.is_host(sound))
    return taken, [bool(np.abs(one).mean() > 0.01) for one in chunks(visitor)]


def chunks(pcm: Pcm) -> npt.NDArray[np.float32]:
    return pcm[: len(pcm) // CHUNK * CHUNK].reshape(-1, CHUNK)


def spoken(voice: Hibari, text: str) -> Pcm:
    return microphone(read_aloud(voice, text, "en"))


def test_the_host_is_told_from_a_visitor_who_speaks_over_them() -> None:
    host = np.tile(spoken(Hibari(), "The museum is open from Tuesday to Sunday, and it costs sixty yuan."), 4)
    question = spoken(Hibari(), "Where can I leave my coat and how much is a guided tour for two?")
    visitor = np.zeros_like(host)
    at = len(host) // 2
    visitor[at : at + len(question)] = question[: len(host) - at]
    alone, _ = over(host, np.zeros_like(host), -20)
    learned = 3 * 31
    assert np.mean(alone[learned:]) > 0.95
    taken, speaks = over(host, visitor, -20)
    heard = [not echo for echo, speech in zip(taken, speaks, strict=True) if speech]
    assert np.mean(heard) > 0.5
    assert "1" * 13 in "".join(str(int(one)) for one in heard)  # 0.4 s, as an interruption takes
    silent, _ = over(np.zeros_like(host), visitor, -20)
    assert not any(silent)


# The listener, over a microphone whose sound is told by its bytes


class Writer:
    """Writes down how many chunks were loud; what it is asked waits until :attr:`free`."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.glimpsed = 0
        self.free = asyncio.Event()
        self.free.set()
        self.broken: EngineError | None = None
        self.confidence = 0.9

    async def write(self, pcm: Pcm) -> Transcript:
        loud = int((np.abs(pcm.reshape(-1, CHUNK)).mean(axis=1) > 0.05).sum())
        self.asked.append(loud)
        await self.free.wait()
        if self.broken:
            raise self.broken
        return Transcript(f"What is {loud}?" if loud else "", "en", no_speech=not loud, confidence=self.confidence)

    async def glimpse(self, pcm: Pcm) -> Transcript | None:
        self.glimpsed += 1
        return Transcript("What is", "en", no_speech=False, confidence=0.5) if self.glimpsed % 2 else None


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets hold a chunk of sound as it is, and whoever is loud speaks."""

    class Plain:
        gap = False

        def hear(self, packet: OpusPacket) -> Pcm:
            return np.frombuffer(packet.payload, np.float32)

        def rest(self) -> Pcm:
            return np.zeros(0, np.float32)

    class Loud:
        def judged(self, pcm: Pcm) -> Iterator[tuple[Pcm, float]]:
            for one in pcm[: len(pcm) // CHUNK * CHUNK].reshape(-1, CHUNK):
                yield one, 0.95 if np.abs(one).mean() > 0.05 else 0.02

    monkeypatch.setattr("streaming.hearing.listener.Microphone", Plain)
    monkeypatch.setattr("streaming.hearing.listener.VoiceActivity", Loud)


async def speak(ear: Listener, seconds: float, level: float = -20.0) -> None:
    for _ in range(round(seconds / CHUNK_S)):
        ear.hear(OpusPacket(0, chunk(level).tobytes()))
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not condition():
            await asyncio.sleep(0)


def noted(heard: list[told.Heard]) -> Callable[[int, told.Heard], None]:
    return lambda _, one: heard.append(one)


def of(kind: type, heard: list[told.Heard]) -> list[told.Heard]:
    return [one for one in heard if isinstance(one, kind)]


@pytest.mark.usefixtures("wire")
async def test_what_was_said_is_written_in_its_pause_and_told_at_its_end() -> None:
    heard: list[told.Heard] = []
    writer = Writer()
    ear = Listener(writer, noted(heard))
    await speak(ear, 1.0, -60)
    await speak(ear, 2.0)
    assert of(told.Partial, heard) == [told.Partial("What is")]
    await speak(ear, 0.3, -60)
    assert len(writer.asked) == 1
    assert not of(told.Said, heard)
    await speak(ear, 0.4, -60)
    await ear.finished()
    (said,) = of(told.Said, heard)
    assert isinstance(said, told.Said)
    assert said.transcript.text == f"What is {writer.asked[0]}?"
    assert writer.asked[0] == pytest.approx(2.0 / CHUNK_S, abs=4)
    assert len(writer.asked) == 1  # not again
    assert [type(one) for one in heard][:2] == [told.Began, told.Meant]
    await ear.close()


@pytest.mark.usefixtures("wire")
async def test_who_goes_on_is_written_as_a_whole() -> None:
    heard: list[told.Heard] = []
    writer = Writer()
    ear = Listener(writer, noted(heard))
    await speak(ear, 1.0, -60)
    await speak(ear, 1.0)
    await speak(ear, 0.8, -60)
    await ear.finished()
    assert len(of(told.Said, heard)) == 1
    await speak(ear, 1.0)
    assert len(of(told.Continued, heard)) == 1
    await speak(ear, 0.8, -60)
    await ear.finished()
    assert writer.asked[-1] == pytest.approx(2.0 / CHUNK_S, abs=8)
    assert len(of(told.Said, heard)) == 2
    await ear.close()


@pytest.mark.usefixtures("wire")
async def test_who_goes_on_before_it_is_written_is_told_of_once() -> None:
    heard: list[told.Heard] = []
    writer = Writer()
    writer.free.clear()
    ear = Listener(writer, noted(heard))
    await speak(ear, 1.0, -60)
    await speak(ear, 1.0)
    await speak(ear, 1.3, -60)
    await speak(ear, 1.0)
    assert not of(told.Continued, heard)
    writer.free.set()
    await speak(ear, 1.3, -60)
    await ear.finished()
    assert len(of(told.Said, heard)) == 1
    assert writer.asked[-1] == pytest.approx(2.0 / CHUNK_S, abs=8)
    await ear.close()


@pytest.mark.usefixtures("wire")
@pytest.mark.parametrize("pause", [2.5, 4.0])
async def test_a_turn_that_is_still_written_when_the_next_begins_is_told_as_itself(pause: float) -> None:
    heard: list[tuple[int, told.Heard]] = []
    writer = Writer()
    writer.free.clear()
    ear = Listener(writer, lambda turn, one: heard.append((turn, one)))
    await speak(ear, 1.0, -60)
    await speak(ear, 1.0)
    await speak(ear, pause, -60)
    await speak(ear, 2.0)
    await speak(ear, 0.3, -60)
    await speak(ear, 0.5)  # a breath takes back what was written of this turn, and not the one before
    await speak(ear, 1.3, -60)
    writer.free.set()
    await ear.finished()
    (one, first), (two, second) = [(turn, said) for turn, said in heard if isinstance(said, told.Said)]
    assert (one, two) == (1, 2)
    assert isinstance(first, told.Said)
    assert isinstance(second, told.Said)
    assert first.transcript.text == f"What is {writer.asked[0]}?"
    assert second.transcript.text == f"What is {writer.asked[-1]}?"
    assert writer.asked[-1] > 1.5 * writer.asked[0]
    await ear.close()


@pytest.mark.usefixtures("wire")
async def test_what_could_not_be_written_in_its_pause_is_tried_again_at_its_end() -> None:
    heard: list[told.Heard] = []
    writer = Writer()
    ear = Listener(writer, noted(heard))
    await speak(ear, 1.0, -60)
    await speak(ear, 1.0)
    writer.broken = EngineError("too many wait")
    await speak(ear, 0.4, -60)
    writer.broken = None
    await speak(ear, 0.9, -60)
    await ear.finished()
    assert len(of(told.Said, heard)) == 1
    assert not of(told.Failed, heard)
    await ear.close()


@pytest.mark.usefixtures("wire")
@pytest.mark.parametrize("confidence", [0.9, 0.3])
async def test_who_goes_on_with_what_is_not_understood_has_asked_all_the_same(confidence: float) -> None:
    heard: list[told.Heard] = []
    writer = Writer()
    ear = Listener(writer, noted(heard))
    await speak(ear, 1.0, -60)
    await speak(ear, 1.0)
    await speak(ear, 1.3, -60)
    await ear.finished()
    writer.confidence = confidence
    await speak(ear, 0.5)
    await speak(ear, 1.3, -60)
    await ear.finished()
    first, again = of(told.Said, heard)
    assert (first == again) == (confidence < 0.5)
    assert not of(told.Nothing, heard)
    await ear.close()


@pytest.mark.usefixtures("wire")
async def test_nothing_comes_of_what_somebody_said_who_is_gone() -> None:
    heard: list[told.Heard] = []
    writer = Writer()
    ear = Listener(writer, noted(heard))
    await speak(ear, 1.0, -60)
    await speak(ear, 1.0)
    ear.forget()
    await speak(ear, 1.0, -60)
    assert not of(told.Said, heard)
    await speak(ear, 2.0)  # the next visitor
    await speak(ear, 1.3, -60)
    await ear.finished()
    assert len(of(told.Said, heard)) == 1
    assert not of(told.Continued, heard)
    assert writer.asked[-1] == pytest.approx(2.0 / CHUNK_S, abs=4)
    await ear.close()


@pytest.mark.usefixtures("wire")
async def test_a_button_that_is_let_go_ends_it() -> None:
    heard: list[told.Heard] = []
    writer = Writer()
    ear = Listener(writer, noted(heard), held=True)
    await speak(ear, 0.3, -60)
    await speak(ear, 1.0)
    ear.release()
    await ear.finished()
    assert len(of(told.Said, heard)) == 1
    await ear.close()


@pytest.mark.usefixtures("wire")
async def test_a_button_that_was_held_in_silence_tells_of_nothing() -> None:
    heard: list[told.Heard] = []
    ear = Listener(Writer(), noted(heard), held=True)
    ear.release()
    await ear.finished()
    assert heard == [told.Nothing()]
    await ear.close()


@pytest.mark.usefixtures("wire")
async def test_a_wire_that_falls_silent_ends_a_turn() -> None:
    heard: list[told.Heard] = []
    ear = Listener(Writer(), noted(heard))
    await speak(ear, 1.0, -60)
    await speak(ear, 1.0)
    for _ in range(25):
        ear.tick()
        await asyncio.sleep(0)
    await until(lambda: bool(of(told.Said, heard)))
    await ear.close()


@pytest.mark.usefixtures("wire")
async def test_a_recognizer_that_fails_is_told_of() -> None:
    heard: list[told.Heard] = []
    writer = Writer()
    writer.broken = EngineError("recognition: is still arriving")
    ear = Listener(writer, noted(heard))
    await speak(ear, 1.0, -60)
    await speak(ear, 1.0)
    await speak(ear, 1.3, -60)
    await ear.finished()
    assert of(told.Failed, heard) == [told.Failed(writer.broken)]
    await ear.close()


@pytest.mark.usefixtures("wire")
@pytest.mark.parametrize("held", [False, True])
async def test_a_guess_is_no_question_where_nobody_holds_a_button(held: bool) -> None:
    heard: list[told.Heard] = []
    writer = Writer()
    writer.confidence = 0.4
    ear = Listener(writer, noted(heard), held=held)
    await speak(ear, 1.0, -60)
    await speak(ear, 1.0)
    await speak(ear, 1.3, -60)
    if held:
        ear.release()
    await ear.finished()
    assert len(of(told.Said, heard)) == held
    await ear.close()


@pytest.mark.usefixtures("wire")
async def test_what_is_kept_is_bounded() -> None:
    ear = Listener(Writer(), lambda *_: None)
    await speak(ear, 40.0, -60)
    assert len(ear._sound) * CHUNK_S < 1
    await ear.close()
    held = Listener(Writer(), lambda *_: None, held=True)
    await speak(held, 40.0)
    assert len(held._sound) * CHUNK_S <= 30
    await held.close()
