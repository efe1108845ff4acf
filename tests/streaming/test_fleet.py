"""Gateways that share a room: what the bench draws and reckons, and a minute of it, all real."""

from itertools import pairwise
from pathlib import Path

import pytest

from streaming.bench import fleet
from streaming.bench.fleet import Mishap, Report, Struck, plan
from streaming.bench.viewer import Seen


def test_a_seed_draws_one_plan_in_which_everything_comes() -> None:
    hour = plan(0, 60)
    assert hour == plan(0, 60) != plan(1, 60)
    assert {one.what for one in hour} == set(fleet.WHATS)
    times = [one.at for one in hour]
    assert all(later - at > fleet.LONGEST_S for at, later in pairwise(times))
    assert all(1 <= one.lasts_s <= fleet.LONGEST_S for one in hour)
    assert plan(0, 0.2) == []


def test_two_that_speak_at_once_are_heard() -> None:
    one, other = [10.0, 10.02, 10.04], [12.0, 12.02]
    assert fleet._overlap([one, other])[1] == 0
    heard, both = fleet._overlap([one, [*other, 10.03]])
    assert both > 0
    assert heard > both


def test_holes_and_takeovers_are_reckoned() -> None:
    diary = fleet._Diary(watched=Seen(pictures=[104.0, 104.1, 104.2]), pictures=[100.0, 100.1, 100.2, 104.3])
    diary.struck = [Struck(Mishap(0, "killed", 1), 100.15, 0), Struck(Mishap(4, "slow", 1), 104.25, 1)]
    away = fleet._away(diary, 100.0, 104.4)
    assert away == pytest.approx(3.8)
    assert [one.away_s for one in diary.struck] == [pytest.approx(3.8), 0.0]
    fleet._take(diary, [[100.1, 104.3], [103.15, 103.2]], 104.4)
    assert [one.taken_s for one in diary.struck] == [pytest.approx(3.0), pytest.approx(0.05)]


def test_what_is_good() -> None:
    def report(taken: float = 3.0, both: float = 0.0, *lost: str) -> Report:
        times = {"killed": [taken]}
        return Report("m", "r", 1, 0, 9, times, times, 5, list(lost), {"answered": 5}, 2, 0.9, 60.0, both)

    assert report().good
    assert not report(5.1).good
    assert not report(3.0, 0.06).good
    assert not report(3.0, 0.0, "q1").good
    assert "the other has it after 3.0 s" in fleet.table(report())


@pytest.mark.real
@pytest.mark.usefixtures("alone")
def test_a_bad_minute_loses_no_question_and_never_has_two_speak(tmp_path: Path) -> None:
    report = fleet.run(fleet.ROOM, 1.5, 5, None, tmp_path / "fleet")
    print(fleet.table(report))
    assert report.accepted
    assert not report.lost
    assert report.both_s == 0
    assert report.heard_s > 10
    assert sum(map(len, report.taken.values())) >= 1
