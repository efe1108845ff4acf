"""What is counted of questions, and how Prometheus sees it."""

from streaming.questions import Question
from streaming.tally import Durations, Tally


def test_durations_fall_into_buckets() -> None:
    durations = Durations((1.0, 5.0))
    for seconds in (0.2, 1.0, 3.0, 60.0):
        durations.note(seconds)
    assert durations.buckets() == [("1.0", 2.0), ("5.0", 3.0), ("+Inf", 4.0)]
    assert durations.total_s == 64.2


def test_a_question_is_counted_from_its_turn_to_its_first_sound() -> None:
    tally, question = Tally(), Question("q1", "How long?", "en", "v", "c1", "", 100.0)
    tally.began(question, 104.0)
    tally.heard("q1", 105.5)
    tally.heard("q1", 109.0)  # its next clause
    tally.ended("q1", "answered")
    assert (tally.waited.total_s, tally.first_sound.total_s) == (4.0, 1.5)
    assert tally.outcomes == {"answered": 1}


def test_a_clock_that_was_set_back_counts_nothing_below_zero() -> None:
    tally = Tally()
    tally.began(Question("q1", "How long?", "en", "v", "c1", "", 100.0), 90.0)
    tally.heard("q1", 80.0)
    assert (tally.waited.total_s, tally.first_sound.total_s) == (0.0, 0.0)
