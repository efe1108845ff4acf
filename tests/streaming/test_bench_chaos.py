"""What a room is put through in a bad half hour, and what is reckoned of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise

import pytest

from avatar.clock import RTP_PER_TICK, TICKS_PER_SECOND
from streaming.bench import endurance, processes
from streaming.bench.endurance import Asked, Caption, Diary, Flow, Kept, Report, Struck, reported
from streaming.bench.mishaps import GATEWAY, UNCOVERED, Ask, Kill, plan
from streaming.bench.processes import STAGE
from streaming.cli import main
from streaming.engines import RECOGNITION
from streaming.roomfile import Language

VOICE = "voice hibari"
ENGINES = [VOICE, RECOGNITION]
SUGGESTIONS: dict[Language, list[str]] = {"zh": ["试用期最长多久？"], "en": ["How long may a probation period be?"]}
BEGUN = 1000.0
QUIET = 0.001
LOUD = 0.1


def half_hour(seed: int = 0) -> list[tuple[float, Ask | Kill]]:
    return plan(seed, 30, ENGINES, SUGGESTIONS)


def kills(deeds: list[tuple[float, Ask | Kill]]) -> list[tuple[float, Kill]]:
    return [(at, deed) for at, deed in deeds if isinstance(deed, Kill)]


def asks(deeds: list[tuple[float, Ask | Kill]]) -> list[tuple[float, Ask]]:
    return [(at, deed) for at, deed in deeds if isinstance(deed, Ask)]


def test_a_seed_draws_one_plan_and_another_another() -> None:
    assert half_hour() == half_hour()
    assert half_hour() != half_hour(1)
    times = [at for at, _ in half_hour()]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] < 1800 + 2  # the others of a burst come two seconds later at most


def test_in_half_an_hour_everything_is_killed_and_the_gateway_twice() -> None:
    killed = kills(half_hour())
    assert Counter(kill for _, kill in killed) == {
        Kill(GATEWAY): 2,
        Kill(STAGE): 1,
        Kill(VOICE): 1,
        Kill(RECOGNITION): 1,
        Kill(STAGE, "stopped"): 1,
        Kill(VOICE, "stopped"): 1,
    }
    assert min(later - at for (at, _), (later, _) in pairwise(killed)) > 0.5 * 1780 / len(killed)
    assert 5 < killed[0][0] < killed[-1][0] < 1785, "whether the room recovers is to be seen"


def test_in_a_minute_what_matters_most_is_killed_and_in_an_hour_all_of_it_again() -> None:
    assert {kill.target for _, kill in kills(plan(0, 1, ENGINES, SUGGESTIONS))} == {STAGE, GATEWAY}
    assert Counter(kill for _, kill in kills(plan(0, 60, ENGINES, SUGGESTIONS)))[Kill(GATEWAY)] == 4
    assert not kills(plan(0, 0.2, ENGINES, SUGGESTIONS))


def test_questions_of_both_languages_come_alone_and_in_bursts_some_of_what_nobody_knows() -> None:
    asked = asks(half_hour())
    assert 40 < len(asked) < 120
    assert len({ask.id for _, ask in asked}) == len(asked)
    texts = {ask.text for _, ask in asked}
    assert texts.issuperset((*SUGGESTIONS["zh"], *SUGGESTIONS["en"]))
    assert texts.intersection(UNCOVERED["zh"])
    assert texts.intersection(UNCOVERED["en"])
    assert 10 < sum(ask.comment for _, ask in asked) < len(asked) / 2
    at = [at for at, _ in asked]
    assert any(at[k + 3] - at[k] < 2 for k in range(len(at) - 3))
    assert asked[0][0] < 8, "a short run asks, too"
    assert {ask.text for _, ask in asks(plan(0, 5, ENGINES, {}))} <= {*UNCOVERED["zh"], *UNCOVERED["en"]}


# The tally


def pictures(begin: float, end: float, origin: int = 0, *, late: float = 0.0) -> Flow:
    """All of a time, in seconds from the beginning."""
    ticks = range(round(begin * TICKS_PER_SECOND), round(end * TICKS_PER_SECOND))
    return Flow(
        [BEGUN + tick / TICKS_PER_SECOND + late * (tick % 3) for tick in ticks],
        [(origin + tick * RTP_PER_TICK) % (1 << 32) for tick in ticks],
    )


def joined(*flows: Flow) -> Flow:
    """Of one connection."""
    return Flow([at for one in flows for at in one.arrived], [at for one in flows for at in one.timestamps])


def report(diary: Diary, seconds: float = 60, lines: dict[str, list[str]] | None = None) -> Report:
    diary.begun, diary.ended = BEGUN, BEGUN + seconds
    return reported(diary, lines or {}, machine="two cores", room="test", minutes=seconds / 60, seed=0)


def test_a_room_that_nothing_happens_to_falls_short_of_nothing() -> None:
    seen = report(Diary(flows=[pictures(0, 60, origin=(1 << 32) - 90_000, late=0.02)]))
    assert seen.short == ()
    assert (seen.on_air.seconds, seen.on_air.pictures) == (1, 1)
    assert seen.hole.seconds < 0.1
    assert seen.silence.seconds == 60
    assert "no process" in endurance.table(seen)


def test_pictures_are_missed_while_the_stage_is_away_and_its_recovery_is_measured() -> None:
    struck = Struck(Kill(STAGE), BEGUN + 20.5, ready_at=BEGUN + 22)
    sounds = [(BEGUN + 20.6, LOUD), (BEGUN + 21, QUIET), (BEGUN + 23.5, LOUD)]
    seen = report(Diary(struck=[struck], flows=[joined(pictures(0, 20.5), pictures(23.25, 60))], sounds=sounds))
    (recovery,) = seen.recoveries
    assert recovery.picture_s == pytest.approx(2.75, abs=0.05)
    assert recovery.heard_s == pytest.approx(3), "what was on its way is not counted"
    assert recovery.ready_s == pytest.approx(1.5)
    assert (seen.hole.seconds, seen.hole.at) == (pytest.approx(2.75, abs=0.05), pytest.approx(20.5, abs=0.05))
    assert seen.on_air.seconds == pytest.approx(58 / 60), "before and after, there were some"
    assert seen.on_air.pictures == pytest.approx(57.25 / 60, abs=0.001)
    assert seen.without_gateway == seen.on_air
    assert seen.short == ("on air 96.67 % of the time, not 99.5 %",)


def test_a_few_pictures_do_not_make_a_recovery_and_what_never_comes_is_none() -> None:
    flow = joined(pictures(0, 20), pictures(21, 21.2), pictures(26, 40))
    seen = report(Diary(struck=[Struck(Kill(STAGE), BEGUN + 20), Struck(Kill(STAGE), BEGUN + 45)], flows=[flow]))
    assert seen.recoveries[0].picture_s == pytest.approx(6, abs=0.05)
    assert seen.recoveries[1].picture_s is None
    assert [line.partition(":")[0] for line in seen.short[:2]] == ["stage killed"] * 2
    assert "never" in endurance.table(seen)


def test_another_connection_goes_on_where_one_was_lost_and_counts_apart_from_the_gateways_kill() -> None:
    killed = Struck(Kill(GATEWAY), BEGUN + 20.5)
    seen = report(Diary(struck=[killed], flows=[pictures(0, 20.5), pictures(24.5, 60, origin=77)]))
    assert seen.recoveries[0].picture_s == pytest.approx(4, abs=0.05)
    assert seen.on_air.seconds == pytest.approx(57 / 60)
    assert (seen.without_gateway.seconds, seen.without_gateway.pictures) == (1, pytest.approx(1, abs=0.001))


def test_every_accepted_question_has_one_outcome_or_is_lost() -> None:
    names = ["answered", "refused", "lost", "open", "rejected", "unheard", "skipped", "silent"]
    asked = [
        Asked(Ask(name, "?"), accepted=name not in ("rejected", "unheard"), question=f"q-{name}") for name in names
    ]
    asked[4].code = "busy"
    asked[7].ask = Ask("silent", UNCOVERED["zh"][0])
    kept = [Kept("answered", "answered", 10), Kept("refused", "refused", 20), Kept("open", None, 0)]
    kept += [Kept("skipped", "skipped", 30), Kept("silent", "answered", 40)]
    diary = Diary(flows=[pictures(0, 60)], asked=asked, kept=kept)
    # The first was broken off and said anew; the second was said to its end, and again.
    diary.started = ["q-answered", "q-answered", "q-refused", "q-refused"]
    diary.finished = ["q-answered", "q-refused", "q-refused"]
    questions = report(diary).questions
    assert (questions.asked, questions.accepted, questions.rejected, questions.unheard) == (8, 6, {"busy": 1}, 1)
    assert (questions.outcomes, questions.lost) == ({"answered": 2, "refused": 1, "skipped": 1}, 2)
    assert (questions.unspoken, questions.guessed) == (1, 1)
    assert (questions.begun_again, questions.said_twice) == (2, 1)
    assert (questions.took_s, questions.longest_s) == (25, 40)
    diary.kept.append(Kept("answered", "answered", 1))
    assert report(diary).questions.doubled == 1
    assert len(report(diary).short) == 3


def test_silence_is_what_no_caption_covers_and_a_kill_breaks_off() -> None:
    captions = [
        Caption("r1", "好，我们", BEGUN, 10),
        Caption("r1", "接着说。", BEGUN + 10, 10),
        Caption("r2", "Sorry, we were cut off.", BEGUN + 30, 20),
        Caption("r1", "好，我们接着说。", BEGUN + 52, 8),  # another gateway counts anew
    ]
    diary = Diary(flows=[pictures(0, 60)], captions=captions, struck=[Struck(Kill(GATEWAY), BEGUN + 35)])
    diary.struck.append(Struck(Kill(VOICE), BEGUN + 54))  # what was made already is said
    lines = {"going on": ["好，我们接着说。"], "cut off": ["Sorry, we were cut off."], "one moment": ["Hm."]}
    seen = report(diary, lines=lines)
    assert (seen.silence.seconds, seen.silence.at) == (17, 35)
    assert seen.lines == {"going on": 2, "cut off": 1, "one moment": 0}


def test_tracebacks_deaths_and_processes_left_over_are_failures() -> None:
    log = (
        "12:00:00 ERROR   streaming.gateway: no\nTraceback (most recent call last):\n12:00:01 INFO    ERROR is a word\n"
    )
    diary = Diary(flows=[pictures(0, 60)], log=log, deaths=1, left_over=["stage (7)"], missed=[Kill(VOICE)])
    diary.memory = {GATEWAY: 100.0, STAGE: 50.0}, {GATEWAY: 120.0}
    seen = report(diary)
    assert (seen.tracebacks, seen.errors) == (1, 1)
    assert len(seen.short) == 3
    table = endurance.table(seen)
    assert "150 MB, in the end 120; the gateway 100, in the end 120" in table
    assert f"{VOICE} killed" in table


# Processes

PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"


def test_a_process_is_found_with_what_it_has_started_and_all_of_it_killed() -> None:
    command = [sys.executable, "-c", PARENT, "-m", "streaming.worker_main", "3", "1", VOICE]
    with subprocess.Popen(command) as parent:
        # Just forked it is not yet another program.
        while not (started := processes.below(parent.pid)) or started[0].what == VOICE:
            assert parent.poll() is None
        (child,) = started
        (worker,) = (one for one in processes.below(os.getpid()) if one.pid == parent.pid)
        assert worker.what == VOICE
        assert worker.alive
        assert child.resident > 1
        assert processes.find(worker.pid, VOICE) == worker
        processes.strike(worker, signal.SIGKILL)
    assert not worker.alive
    deadline = time.monotonic() + 5
    while child.alive:
        assert time.monotonic() < deadline
    assert processes.find(worker.pid, VOICE) is None


# The real thing


@pytest.mark.real
@pytest.mark.timeout(4200)
@pytest.mark.usefixtures("alone")
def test_a_room_comes_back_from_kills_and_loses_no_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "chaos", "--minutes", "1.5", "--seed", "1", "--json"]) in (0, 1)
    seen = json.loads(capsys.readouterr().out)
    assert {(one["target"], one["how"]) for one in seen["recoveries"]} >= {(STAGE, "killed"), (GATEWAY, "killed")}
    assert seen["on_air"]["seconds"] > 0.3  # how much depends on the machine's other work
    questions = seen["questions"]
    assert questions["accepted"] >= 1
    assert questions["accepted"] == sum(questions["outcomes"].values())
    assert (questions["lost"], questions["doubled"], questions["said_twice"]) == (0, 0, 0)
    assert (seen["deaths"], seen["tracebacks"], seen["left_over"]) == (0, 0, [])
