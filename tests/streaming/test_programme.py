"""The programme: which segment comes, and how it goes on around what viewers ask. A manual clock; no stage."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from streaming.programme.programme import RETRY_S, TRIES, Programme
from streaming.programme.rehearsal import rehearse, told
from streaming.programme.rundown import Rundown
from streaming.programme.schedule import Aired, Line, Schedule

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=SHANGHAI).timestamp()
HOUR = 3600.0


def rundown(segments: dict[str, Any], **rest: Any) -> Rundown:
    return Rundown.model_validate({"segments": segments, "timezone": "Asia/Shanghai", **rest})


def chosen(schedule: Schedule, begin: float, seconds: float, each_s: float = 60.0) -> Iterator[tuple[float, str]]:
    """What comes when every segment takes ``each_s``."""
    now = begin
    while now < begin + seconds:
        if (telling := schedule.choose(now)) is not None:
            yield now, telling.segment
            schedule.aired(
                Aired(telling.segment, telling.wording, k, line.text, now) for k, line in enumerate(telling.lines)
            )
        now += each_s


def times_of(name: str, came: list[tuple[float, str]]) -> list[float]:
    return [at for at, segment in came if segment == name]


# What a room file may say


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        ({}, "one of script, quiz, topic, music and silence_s"),
        ({"script": "A.", "silence_s": 3}, "one of script, quiz, topic, music and silence_s"),
        ({"music": "a.ogg", "silence_s": 3}, "one of script, quiz, topic, music and silence_s"),
        ({"music": []}, "one of script, quiz, topic, music and silence_s"),
        ({"music": "a.ogg", "level_db": 3}, "less than or equal to 0"),
        ({"music": "a.ogg", "level_db": -90}, "greater than or equal to -60"),
        ({"script": "A.", "level_db": -6}, "level_db is for segments of music"),
        ({"script": "A.", "times": "9 to 12"}, "09:00-12:00"),
        ({"script": "A.", "times": "25:00-26:00"}, "09:00-12:00"),
        ({"script": "A.", "times": "09:00-09:00"}, "09:00-12:00"),
        ({"script": "A.", "days": "monday"}, "mon"),
        ({"script": "A.", "weight": -1}, "greater than or equal to 0"),
        ({"script": "A.", "weight": 0}, "segments.a never comes"),
        ({"quiz": {"question": "A?", "answer": "B.", "accept": "…"}}, "no letter or digit"),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(segment: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rundown({"a": segment})


@pytest.mark.parametrize(
    ("storyline", "message"),
    [
        ({"title": "A", "segments": ["a", "x"]}, "storylines.one: there is no segment “x”; there are: a, b"),
        ({"title": "A", "segments": ["a", "a"]}, "names a segment once"),
        ({"title": "A", "segments": []}, "at least 1 item"),
        ({"segments": ["a"]}, "title"),
    ],
)
def test_a_mistaken_storyline_is_named(storyline: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rundown({"a": {"script": "A."}, "b": {"script": "B."}}, storylines={"one": storyline})


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="Asia/Shanghai"):
        rundown({"a": {"script": "A."}}, timezone="Peking")


# Which segment comes


def test_segments_come_by_weight_and_none_twice_in_a_row() -> None:
    schedule = Schedule(
        rundown(
            {"a": {"script": "A.", "weight": 3}, "b": {"script": "B."}, "c": {"script": "C."}}, repeat_after_minutes=0
        ),
        "en",
        Random(1),
    )
    names = [name for _, name in chosen(schedule, MONDAY, 600 * 60)]
    assert all(one != two for one, two in pairwise(names))
    assert names.count("a") > 1.4 * names.count("b")
    assert names.count("b") > 80


def test_what_is_due_comes_first_and_not_before() -> None:
    schedule = Schedule(
        rundown({"news": {"script": "N.", "every_minutes": 20}, "b": {"script": "B."}}, repeat_after_minutes=0),
        "en",
        Random(1),
    )
    came = times_of("news", list(chosen(schedule, MONDAY, 3 * HOUR)))
    assert came[0] == MONDAY
    assert [after - before for before, after in pairwise(came)] == [20 * 60.0] * (len(came) - 1)


def test_a_gap_is_kept_and_a_days_quota_too() -> None:
    schedule = Schedule(
        rundown(
            {"a": {"script": "A.", "gap_minutes": 60}, "b": {"script": "B.", "per_day": 3}, "c": {"silence_s": 5}},
            repeat_after_minutes=0,
        ),
        "en",
        Random(2),
    )
    came = list(chosen(schedule, MONDAY, 48 * HOUR))
    a = times_of("a", came)
    assert len(a) > 30
    assert min(after - before for before, after in pairwise(a)) >= HOUR
    days = [datetime.fromtimestamp(at, SHANGHAI).date() for at in times_of("b", came)]
    assert [days.count(day) for day in sorted(set(days))] == [3, 3, 3]


def test_times_and_days_of_the_room_are_kept() -> None:
    schedule = Schedule(
        rundown(
            {
                "morning": {"script": "M.", "times": ["09:00-12:00"], "days": ["mon", "tue"]},
                "night": {"script": "N.", "times": "22:00-02:00"},
                "else": {"silence_s": 1},
            },
            repeat_after_minutes=0,
            quiet="03:00-07:00",
        ),
        "en",
        Random(3),
    )
    came = list(chosen(schedule, MONDAY, 7 * 24 * HOUR, 600))
    local = [(datetime.fromtimestamp(at, SHANGHAI), name) for at, name in came]
    assert {(at.weekday(), at.hour) for at, name in local if name == "morning"} == {
        (day, hour) for day in (0, 1) for hour in (9, 10, 11)
    }
    assert {at.hour for at, name in local if name == "night"} == {22, 23, 0, 1}
    assert not {at.hour for at, _ in local} & {3, 4, 5, 6}


def test_no_wording_comes_again_too_soon_and_the_host_rather_waits() -> None:
    schedule = Schedule(rundown({"a": {"script": ["One. Two.", "Three."]}}, repeat_after_minutes=30), "en", Random(4))
    came = list(chosen(schedule, MONDAY, 2 * HOUR))
    assert len(came) == 8
    assert schedule.is_fresh("Four.", MONDAY)


# One line after the other


def spoken(programme: Programme, now: float, lines: int) -> tuple[list[str], float]:
    said = []
    while len(said) < lines:
        line = programme.line(now)
        if line is None:
            now += 0.5
            continue
        if line.text:
            said.append(line.text)
        programme.ended(now)
    return said, now


def talk(**rest: Any) -> Programme:
    return Programme(rundown({"a": {"script": "One. Two. Three."}}, **rest), "en", Random(1))


def test_a_segment_is_told_sentence_by_sentence() -> None:
    programme = talk()
    line = programme.line(MONDAY)
    assert line is not None
    assert (line.text, programme.upcoming) == ("One.", "Two.")
    assert programme.line(MONDAY) == line
    aired = programme.ended(MONDAY + 2)
    assert aired == Aired("a", 0, 0, "One.", MONDAY + 2)
    assert programme.line(MONDAY + 2.1) is None  # a breath
    assert spoken(programme, MONDAY + 3, 2)[0] == ["Two.", "Three."]
    assert programme.line(MONDAY + 60) is None  # nothing else to say within the hour
    assert spoken(programme, MONDAY + HOUR + 60, 1)[0] == ["One."]


def test_between_a_question_and_its_solution_there_is_time_to_think() -> None:
    quiz = {"question": "How old is it?", "answer": "Four thousand years.", "think_s": 10}
    programme = Programme(rundown({"q": {"quiz": [quiz]}}), "en", Random(1))
    assert spoken(programme, MONDAY, 1)[0] == ["How old is it?"]
    assert programme.line(MONDAY + 9) is None
    assert spoken(programme, MONDAY + 9, 1) == (["Four thousand years."], MONDAY + 10)


def test_after_an_answer_a_bridge_leads_back() -> None:
    programme = talk(bridges={"en": ["Where were we?"]})
    spoken(programme, MONDAY, 1)
    programme.interrupted()
    programme.interrupted()
    assert spoken(programme, MONDAY + 20, 3)[0] == ["Where were we?", "Two.", "Three."]


def test_the_same_bridge_is_not_said_twice_within_the_hour() -> None:
    programme = talk(bridges={"en": ["Where were we?"]})
    said, now = spoken(programme, MONDAY, 1)
    for _ in range(2):
        programme.interrupted()
        more, now = spoken(programme, now + 10, 1)
        said += more
        if more == ["Where were we?"]:
            said += spoken(programme, now, 1)[0]
    assert said == ["One.", "Where were we?", "Two.", "Three."]


def test_before_its_first_line_a_segment_needs_no_bridge() -> None:
    programme = talk(bridges={"en": ["Where were we?"]})
    programme.line(MONDAY)
    programme.interrupted()
    assert spoken(programme, MONDAY + 20, 1)[0] == ["One."]


def test_after_too_long_another_segment_begins() -> None:
    two = rundown({"a": {"script": "One. Two."}, "b": {"script": "Three. Four."}}, resume_within_s=60)
    programme = Programme(two, "en", Random(1))
    (first,), now = spoken(programme, MONDAY, 1)
    programme.interrupted()
    assert spoken(programme, now + 61, 2)[0] == (["Three.", "Four."] if first == "One." else ["One.", "Two."])


def test_a_line_that_cannot_be_said_is_tried_again_and_then_another_segment_begins() -> None:
    segments = {"a": {"script": "One. Two."}, "b": {"script": "Other.", "gap_minutes": 1}}
    programme = Programme(rundown(segments), "en", Random(1))
    programme.restore([Aired("b", 0, 0, "Else.", MONDAY - 60)])
    now = MONDAY
    for _ in range(TRIES):
        line = programme.line(now)
        assert line is not None
        assert line.text == "One."
        programme.failed(now)
        assert programme.line(now + RETRY_S - 0.1) is None
        now += RETRY_S
    assert spoken(programme, now, 1)[0] == ["Other."]


def test_a_restart_goes_on_where_it_broke_off() -> None:
    programme = talk(bridges={"en": ["Where were we?"]})
    aired = []
    for now in (MONDAY, MONDAY + 3):
        assert programme.line(now)
        aired.append(programme.ended(now))
    after = talk(bridges={"en": ["Where were we?"]})
    after.restore([one for one in aired if one])
    assert spoken(after, MONDAY + 10, 2)[0] == ["Where were we?", "Three."]
    late = talk()
    late.restore([one for one in aired if one])
    assert late.line(MONDAY + 600) is None  # too late to go on, and said too lately to be told anew


def test_a_room_file_that_has_changed_meanwhile_begins_anew() -> None:
    programme = talk()
    programme.restore([Aired("gone", 3, 1, "Old.", MONDAY)])
    assert spoken(programme, MONDAY + 1, 1)[0] == ["One."]


# Music


SONGS: dict[str, Any] = {"music": ["songs/a.ogg", "songs/b.ogg"], "level_db": -9, "card": {"title": "A song"}}


def test_one_piece_is_played_each_time_and_none_too_soon_again() -> None:
    programme = Programme(rundown({"songs": SONGS}, repeat_after_minutes=60), "en", Random(1))
    now, played = MONDAY, []
    while now < MONDAY + 2 * HOUR:
        if (line := programme.line(now)) is None:
            now += 30
            continue
        assert (line.text, line.level_db, programme.upcoming) == ("", -9, "")
        assert (programme.segment, programme.card and programme.card.title) == ("songs", "A song")
        aired = programme.ended(now + 180)
        assert aired is not None
        played.append((now, line.music))
        assert aired.text == f"♪ {line.music and line.music.name}"
        assert programme.segment == ""
        now += 180
    assert {piece for _, piece in played} == {Path("songs/a.ogg"), Path("songs/b.ogg")}
    assert len(played) == 4
    for piece in SONGS["music"]:
        first, second = (at for at, one in played if one == Path(piece))
        assert second - first >= HOUR + 180


def test_gap_and_quota_hold_for_music_too() -> None:
    segments = {"song": {"music": "a.ogg", "gap_minutes": 30, "per_day": 3}, "else": {"silence_s": 1}}
    came = list(chosen(Schedule(rundown(segments, repeat_after_minutes=0), "en", Random(2)), MONDAY, 6 * HOUR))
    song = times_of("song", came)
    assert len(song) == 3
    assert min(after - before for before, after in pairwise(song)) >= 30 * 60


def test_music_that_was_broken_off_needs_no_bridge_and_is_not_resumed() -> None:
    programme = Programme(rundown({"song": {"music": "a.ogg"}, "talk": {"script": "One."}}), "en", Random(3))
    line = programme.line(MONDAY)
    while line is None or line.music is None:
        programme.ended(MONDAY)
        line = programme.line(MONDAY + 10)
    programme.ended(MONDAY + 11)
    programme.interrupted()
    assert programme.line(MONDAY + 40) in (None, Line("One."))


def test_music_within_a_storyline() -> None:
    segments = {"song": {"music": "a.ogg", "weight": 0}, "talk": {"script": "Talk."}}
    storylines = {"tour": {"title": "The tour", "segments": ["talk", "song"]}}
    programme = Programme(rundown(segments, **{**LINES, "storylines": storylines}), "en", Random(1))
    programme.follow("tour")
    assert spoken(programme, MONDAY, 2)[0] == ["Here: The tour.", "Talk."]
    line = programme.line(MONDAY + 10)
    assert line is not None
    assert line.music == Path("a.ogg")


def test_a_rundown_that_is_edited_while_music_plays() -> None:
    programme = Programme(rundown({"song": {"music": "a.ogg"}}), "en", Random(1))
    assert programme.line(MONDAY) is not None
    programme.edited(rundown({"song": {"music": ["b.ogg", "a.ogg"]}}), "en")
    assert programme.ended(MONDAY + 100) == Aired("song", 0, 0, "♪ a.ogg", MONDAY + 100)
    line = programme.line(MONDAY + 110)
    assert line is not None
    assert line.music == Path("b.ogg")


# Guesses


QUIZ = {"question": "How old is it?", "answer": "It is old. Four thousand years.", "think_s": 10, "accept": 4000}


def quiz(**rest: Any) -> Programme:
    lines = {"bridges": {"en": ["Where were we?"]}, "winners": {"en": ["{who} had it.", "Well done, {who}."]}}
    return Programme(rundown({"q": {"quiz": [QUIZ]}}, **lines, **rest), "en", Random(1))


def guess(programme: Programme, viewer: str, text: str) -> bool | None:
    assert programme.guesses is not None
    return programme.guesses.guess(viewer, viewer.title(), text, "en", spoken=False)


def test_a_quiz_is_open_from_its_question_to_its_answer_and_names_who_had_it() -> None:
    programme = quiz()
    programme.line(MONDAY)
    assert programme.guesses is None
    programme.ended(MONDAY)
    assert guess(programme, "ann", "3000") is False
    assert guess(programme, "bob", "4,000 years") is True
    assert guess(programme, "ann", "4000 then") is True
    assert programme.line(MONDAY + 9) is None
    assert programme.guesses is not None
    programme.line(MONDAY + 10)
    assert programme.guesses is None
    said, _ = spoken(programme, MONDAY + 10, 3)
    assert said[:2] == ["It is old.", "Four thousand years."]
    assert said[2] in ("Bob and Ann had it.", "Well done, Bob and Ann.")
    assert programme.segment == ""  # nothing comes after it


def test_when_nobody_had_it_or_nothing_is_judged_nobody_is_named() -> None:
    programme = quiz()
    spoken(programme, MONDAY, 1)
    guess(programme, "ann", "3000")
    _, now = spoken(programme, MONDAY + 10, 2)
    assert programme.segment == ""
    silent = Programme(rundown({"q": {"quiz": [{**QUIZ, "accept": []}]}}), "en", Random(1))
    spoken(silent, now, 1)
    assert silent.guesses is None


def test_a_question_between_leaves_a_quiz_open_until_its_answer() -> None:
    programme = quiz()
    spoken(programme, MONDAY, 1)
    guess(programme, "ann", "4000")
    programme.interrupted()
    guess(programme, "bob", "4000")
    bridge = programme.line(MONDAY + 30)
    assert bridge is not None
    assert bridge.text == "Where were we?"
    guess(programme, "cy", "4000")
    said, _ = spoken(programme, MONDAY + 30, 4)
    assert said[:3] == ["Where were we?", "It is old.", "Four thousand years."]
    assert "Ann, Bob and Cy" in said[3]


def test_a_quiz_that_was_left_for_too_long_takes_no_guesses_any_more() -> None:
    programme = quiz(resume_within_s=60)
    spoken(programme, MONDAY, 1)
    programme.interrupted()
    programme.line(MONDAY + 100)
    assert programme.guesses is None
    programme = quiz()
    spoken(programme, MONDAY, 1)
    programme.skip(MONDAY + 1)
    assert programme.guesses is None


# Storylines


TOUR: dict[str, Any] = {
    "talk": {"script": ["Talk one. Talk two.", "Talk three. Talk four.", "Talk five. Talk six."]},
    "hall": {"script": "The hall. It is high.", "weight": 0},
    "jars": {"topic": "jars.md", "weight": 0},
}
LINES: dict[str, Any] = {
    "openings": {"en": ["Here: {heading}."]},
    "bridges": {"en": ["Where were we?", "On we go."]},
    "transitions": {"en": ["Next: {heading}."]},
    "storylines": {"tour": {"title": "The tour", "segments": ["hall", "jars"]}},
}
TOLD = ["Here: The tour.", "The hall.", "It is high.", "Next: Clay.", "Clay burns.", "Next: Glaze.", "Glaze shines."]


def tour(*, learned: bool = True, **rest: Any) -> Programme:
    programme = Programme(rundown(TOUR, **LINES, **rest), "en", Random(1))
    if learned:
        programme.learn("jars", JARS)
    return programme


JARS = [("Clay", ["Clay burns."]), ("Glaze", ["Glaze shines."])]


def test_what_belongs_to_storylines_alone_is_never_drawn() -> None:
    said, _ = spoken(tour(repeat_after_minutes=0), MONDAY, 60)
    assert all(text.startswith("Talk") for text in said)


def test_a_storyline_is_told_in_order_from_the_next_sentence_on_and_then_the_programme_goes_on() -> None:
    programme = tour()
    line = programme.line(MONDAY)
    programme.follow("tour")
    assert programme.storyline == "tour"
    aired = programme.ended(MONDAY + 2)  # the sentence that was on air
    assert aired is not None
    assert line is not None
    assert (aired.text, aired.storyline) == (line.text, "")
    said, now = spoken(programme, MONDAY + 2.4, 7)
    assert said == TOLD
    assert now < MONDAY + 60
    assert programme.storyline == "tour"
    said, _ = spoken(programme, now + 5, 1)
    assert said[0].startswith("Talk")
    assert programme.storyline == ""


def test_who_chooses_does_not_wait_for_a_pause_and_hears_what_others_heard_a_moment_ago() -> None:
    programme = tour(pause_s=300, quiet="00:00-24:00")
    for now in (MONDAY, MONDAY + 100):
        programme.follow("tour")
        assert programme.line(now) is not None
        assert programme.segment == "hall"
        assert spoken(programme, now, 3)[0] == TOLD[:3]


def test_a_storyline_goes_on_after_an_answer_and_may_be_replaced_or_left() -> None:
    programme = tour()
    programme.follow("tour")
    said, now = spoken(programme, MONDAY, 2)
    programme.interrupted()
    said, now = spoken(programme, now + 20, 2)
    assert said[0] in LINES["bridges"]["en"]
    assert said[1] == "It is high."
    programme.interrupted()
    said, now = spoken(programme, now + 200, 1)  # too long ago for the passage, not for the storyline
    assert said == ["Next: Clay."]
    programme.follow("tour")
    assert spoken(programme, now + 1, 2)[0] == TOLD[:2]
    programme.follow("")
    assert programme.storyline == ""
    assert spoken(programme, now + 3, 1)[0][0].startswith("Talk")


def test_what_was_chosen_is_begun_however_long_the_answer_before_it_takes() -> None:
    programme = tour()
    programme.follow("tour")
    spoken(programme, MONDAY, 1)
    programme.interrupted()
    assert spoken(programme, MONDAY + 500, 2)[0] == ["The hall.", "It is high."]


def test_the_next_segment_of_a_storyline_may_be_asked_for() -> None:
    programme = tour()
    programme.follow("tour")
    _, now = spoken(programme, MONDAY, 2)
    programme.skip(now)
    assert spoken(programme, now, 2)[0] == ["Next: Clay.", "Clay burns."]
    programme.skip(now)
    assert spoken(programme, now, 1)[0][0].startswith("Talk")


def test_a_restart_goes_on_with_the_storyline() -> None:
    programme = tour()
    programme.follow("tour")
    aired, now = [], MONDAY
    for _ in range(5):
        while programme.line(now) is None:
            now += 0.5
        aired.append(programme.ended(now))
    after = tour(learned=False)
    after.restore([one for one in aired if one])
    assert after.line(now + 10) is None
    after.learn("jars", JARS)
    assert spoken(after, now + 20, 2)[0] == ["Next: Glaze.", "Glaze shines."]
    assert after.storyline == "tour"
    late = tour()
    late.restore([one for one in aired if one])
    assert spoken(late, now + 500, 1)[0][0].startswith("Talk")
    assert late.storyline == ""


def test_documents_of_a_storyline_that_cannot_be_read_are_passed_over_in_time() -> None:
    programme = Programme(
        rundown(TOUR, **{**LINES, "storylines": {"jars": {"title": "Jars", "segments": ["jars", "hall"]}}}), "en"
    )
    programme.follow("jars")
    assert programme.line(MONDAY) is None
    programme.learn("jars", JARS)
    assert spoken(programme, MONDAY + 5, 2)[0] == ["Here: Jars.", "Next: Clay."]
    programme = Programme(programme.rundown, "en")
    programme.follow("jars")
    assert programme.line(MONDAY) is None
    said, now = spoken(programme, MONDAY + 1, 2)
    assert said == ["Here: Jars.", "The hall."]
    assert now > MONDAY + 90


def test_a_storyline_is_told_to_its_end_although_the_room_file_was_edited() -> None:
    programme = tour()
    programme.follow("tour")
    _, now = spoken(programme, MONDAY, 2)
    left = {name: segment for name, segment in TOUR.items() if name != "hall"}
    other = {"other": {"title": "Other", "segments": ["jars"]}}
    programme.edited(rundown(left, **{**LINES, "storylines": other}), "en")
    assert spoken(programme, now, 3)[0] == ["It is high.", "Next: Clay.", "Clay burns."]
    programme.follow("other")
    assert spoken(programme, now + 3, 2)[0] == ["Here: Other.", "Next: Clay."]


# What documents tell


def test_a_topic_is_told_passage_by_passage_once_its_documents_are_read() -> None:
    programme = Programme(rundown({"bronzes": {"topic": "bronzes.md"}}), "en", Random(1))
    assert programme.line(MONDAY) is None
    bronze = ("What bronze is", ["Bronze is copper with tin.", "Lead was added."])
    programme.learn("bronzes", [bronze, ("", []), ("", ["The Shang cast it."])])
    said, now = spoken(programme, MONDAY + 10, 4)
    opening = next(text for text in said if "What bronze is" in text)
    lecture = [opening, *bronze[1]]
    assert said in ([*lecture, "The Shang cast it."], ["The Shang cast it.", *lecture])
    assert programme.line(now + 60) is None
    programme.learn("bronzes", [("", ["It was gold when it was new."])])
    assert spoken(programme, now + 60, 1)[0] == ["It was gold when it was new."]


def test_documents_are_told_in_their_order() -> None:
    programme = Programme(rundown({"law": {"topic": "."}}, repeat_after_minutes=0.5), "en", Random(1))
    programme.learn("law", [("", [f"Article {k}."]) for k in range(5)])
    said, _ = spoken(programme, MONDAY, 12)
    numbers = [int(text[8]) for text in said]
    assert [(after - before) % 5 for before, after in pairwise(numbers)] == [1] * 11


def test_passages_are_announced_in_all_ways_before_any_again() -> None:
    ways = [f"{letter}: {{heading}}." for letter in "abcde"]
    programme = Programme(rundown({"law": {"topic": "."}}, transitions={"en": ways}), "en", Random(1))
    passages = [(f"Article {k}", [f"It says {k}."]) for k in range(25)]
    programme.learn("law", passages)
    said, _ = spoken(programme, MONDAY, 50)
    letters = {text.split(": ")[1]: text[0] for text in said[::2]}
    used = "".join(letters[f"Article {k}."] for k in range(25))
    rounds = [used[k : k + 5] for k in range(0, 25, 5)]
    assert all(sorted(one) == list("abcde") for one in rounds)
    assert len(set(rounds)) > 1
    assert all(before != after for before, after in pairwise(used))


def test_a_transition_holds_what_comes() -> None:
    with pytest.raises(ValidationError, match="heading"):
        rundown({"a": {"script": "A."}}, transitions={"en": ["Next."]})


def test_a_restart_goes_on_with_a_topic_once_its_documents_are_read() -> None:
    segments = {"bronzes": {"topic": "bronzes.md"}, "talk": {"script": "Hello."}}
    programme = Programme(rundown(segments, bridges={}), "en", Random(1))
    programme.restore([Aired("bronzes", 0, 0, "One.", MONDAY)])
    assert programme.line(MONDAY + 10) is None
    programme.learn("bronzes", [("", ["One.", "Two."])])
    assert spoken(programme, MONDAY + 20, 2)[0] == ["Two.", "Hello."]


def test_documents_that_cannot_be_read_are_not_waited_for_for_ever() -> None:
    segments = {"bronzes": {"topic": "bronzes.md"}, "talk": {"script": "Hello."}}
    programme = Programme(rundown(segments, resume_within_s=60), "en", Random(1))
    programme.restore([Aired("bronzes", 0, 0, "One.", MONDAY)])
    assert spoken(programme, MONDAY + 10, 1) == (["Hello."], MONDAY + 60.5)


# Gone through without a host


def test_a_rehearsal_tells_what_would_be_said_and_when_nothing_is_left() -> None:
    plan = rundown({"a": {"script": "One. Two."}, "b": {"silence_s": 10}}, repeat_after_minutes=30)
    gone_through = rehearse(plan, "en", {}, MONDAY, 1.0, Random(1))
    assert [one.text for one in gone_through.said] == ["One.", "Two."] * 2
    assert gone_through.again == [("One.", 2), ("Two.", 2)]
    assert gone_through.silence[0] == pytest.approx(1800, abs=60)
    shown = told(gone_through, plan)
    assert shown.startswith("09:00:0")
    assert "nothing left to say" in shown


def test_a_rehearsal_plays_music_for_as_long_as_it_takes() -> None:
    plan = rundown({"a": {"script": "One. Two."}, "song": {"music": "songs/a.ogg"}})
    gone_through = rehearse(plan, "en", {}, MONDAY, 0.5, Random(1), lengths={Path("songs/a.ogg"): 185.0})
    (song,) = gone_through.music
    assert (song.seconds, song.segment, song.text) == (185.0, "song", "♪ a.ogg")
    assert gone_through.speaking < 0.01
    shown = told(gone_through, plan)
    assert "          ♪ a.ogg (3:05)" in shown
    assert "2 sentences in 0.5 h; speaking 0% of the time; 1 × music 10%; longest silence" in shown


def test_a_rehearsal_may_begin_with_a_storyline() -> None:
    only = {name: segment for name, segment in TOUR.items() if name != "talk"}
    plan = rundown(only, **LINES)
    gone_through = rehearse(plan, "en", {"jars": JARS}, MONDAY, 0.1, Random(1), "tour")
    assert [one.text for one in gone_through.said] == TOLD
    assert "--storyline NAME" in told(rehearse(plan, "en", {"jars": JARS}, MONDAY, 0.1, Random(1)), plan)


def test_an_edited_rundown_is_gone_by_after_the_segment_and_what_was_said_stays_known() -> None:
    programme = Programme(rundown({"talk": {"script": "One. Two."}}, repeat_after_minutes=60), "en", Random(1))
    line = programme.line(MONDAY)
    assert line is not None
    programme.ended(MONDAY + 1)
    fresh = rundown({"talk": {"script": ["One.", "Three."]}, "news": {"topic": "news.md"}}, repeat_after_minutes=60)
    programme.edited(fresh, "en")
    programme.learn("gone", [("", ["Never."])])
    second = programme.line(MONDAY + 2)
    assert second is not None
    assert second.text == "Two."
    programme.ended(MONDAY + 3)
    third = programme.line(MONDAY + 60)
    assert third is not None
    assert third.text == "Three."  # "One." was said a minute ago
    programme.skip(MONDAY + 61)
    assert programme.segment == ""
