"""Wake words: heard by their sound, and nothing is heeded before one."""

import pytest
from pydantic import ValidationError

from streaming import actions as do
from streaming import protocol as say
from streaming.hearing.wake import WakeWords
from streaming.room import Room
from tests.streaming.settings import room_file
from tests.streaming.test_interrupting import answering, does
from tests.streaming.test_room import ask, only


@pytest.fixture(scope="module")
def wake() -> WakeWords:
    return WakeWords(["小梅", "你好小梅", "hello Mei", "hi Mei"])


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("小梅，几点关门？", "几点关门？"),
        ("小美。几点关门？", "几点关门？"),
        ("你好，小妹", ""),
        ("喂，小梅，厕所在哪", "厕所在哪"),
        ("Hello, May. When do you open?", "When do you open?"),
        ("OK, hello Mei, what's that?", "what's that?"),
        ("Hello me", ""),
        ("Helomey, how much is it?", "how much is it?"),
        ("Hi, May!", ""),
        ("Hello 小梅, are you there?", "are you there?"),
    ],
)
def test_it_is_heard_as_it_sounds(wake: WakeWords, text: str, rest: str) -> None:
    assert wake.rest(text) == rest


@pytest.mark.parametrize(
    "text",
    [
        *("", "。", "几点关门？", "我们去小梅那里看看", "校门在哪里", "小米手机"),
        *("Hello.", "Hi, my name is Tom", "May I take a photo?", "Hello Mary"),
    ],
)
def test_other_words_are_none(wake: WakeWords, text: str) -> None:
    assert wake.rest(text) is None


@pytest.mark.parametrize(("word", "wanted"), [("Mei", "hello Mei"), ("梅", "too short")])
def test_what_is_too_short_is_refused_with_what_to_do(word: str, wanted: str) -> None:
    with pytest.raises(ValidationError, match=wanted):
        room_file(hearing={"microphones": "open", "wake_words": [word]})


def test_a_room_with_a_button_has_none() -> None:
    with pytest.raises(ValidationError, match="microphones: open"):
        room_file(hearing={"wake_words": ["hello Mei"]})


def asleep() -> Room:
    return Room(room_file(hearing={"microphones": "open", "wake_words": ["hello Mei"]}), 0.0)


def test_a_visitor_is_heeded_from_the_wake_word_until_they_leave() -> None:
    room = asleep()
    assert not room.heeds("v1")
    room.here("v1")
    assert room.heeds("v1")
    assert not room.heeds("v2")
    room.gone("v1", 2.0)
    assert not room.heeds("v1")


def test_goodbye_and_a_lost_connection_end_it_too() -> None:
    room = asleep()
    room.here("v1")
    room.said("v1", ask("goodbye", "t.1"), 1.0)
    assert not room.heeds("v1")
    room.here("v1")
    room.left("v1", 2.0)
    assert not room.heeds("v1")


def test_where_no_wake_word_is_set_everybody_is_heeded() -> None:
    assert Room(room_file(hearing={"microphones": "open"}), 0.0).heeds("v1")


def test_called_by_name_the_host_turns_to_the_visitor() -> None:
    room = asleep()
    room.here("v1")
    actions = room.called("v1", "en", 1.0)
    (answer,) = only(do.Speak, actions)
    assert answer.text == room._settings.host.attending["en"]


def test_called_by_name_in_the_middle_of_an_answer_the_host_stops() -> None:
    room = asleep()
    room.here("v1")
    answering(room)
    room.speaking("v1")
    room.meant("v1")
    actions = room.called("v1", "en", 3.0)
    assert does(actions) == [do.Stop(), do.Hold(False), do.Duck(False)]
    assert [one.outcome for one in only(do.Record, actions)] == ["skipped"]
    assert [one.text for one in only(do.Speak, actions)] == [room._settings.host.attending["en"]]


def test_at_another_screen_the_answer_goes_on() -> None:
    room = asleep()
    room.here("v2")
    question = answering(room, "v1")
    room.speaking("v2")
    room.meant("v2")
    actions = room.called("v2", "en", 3.0)
    assert does(actions) == [do.Hold(False), do.Duck(False)]
    assert room.current is question
    assert only(say.Skipped, actions) == []
