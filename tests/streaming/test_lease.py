"""Who may speak in a room: never two gateways at once, whatever happens to the network, to Redis and to clocks."""

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.fleet.lease import LASTS_S, LOOKED_S, MARGIN_S, Lease, Seen

A = Seen("a", 7, "http://a", 6, "run1")
NOBODY = Seen("", 0, "", 0, "run1")


def known(at: float) -> Lease:
    """Of gateway a, which has looked at Redis for long enough to take what is free."""
    lease = Lease("a")
    lease.saw(NOBODY, at - LASTS_S, at - LASTS_S)
    return lease


def owned(at: float) -> Lease:
    lease = known(at)
    lease.saw(A, at, at)
    return lease


def test_it_is_held_from_before_it_was_asked_for_and_ends_early() -> None:
    lease = known(100.0)
    assert not lease.held(100.0)
    assert lease.saw(A, asked_at=100.0, now=101.0) == "begun"
    assert lease.held(101.0)
    assert lease.held(100.0 + LASTS_S - MARGIN_S - 0.001)
    assert not lease.held(100.0 + LASTS_S - MARGIN_S)
    assert lease.saw(A, asked_at=102.0, now=102.0) is None
    assert lease.held(104.0)
    assert lease.address == "http://a"


def test_whoever_has_just_come_waits_as_long_as_any_lease_lasts() -> None:
    lease = Lease("b")
    assert not lease.may_take(1000.0)
    lease.saw(NOBODY, 1000.0, 1000.0)
    assert not lease.may_take(1000.0 + LASTS_S - 0.01)
    assert lease.may_take(1000.0 + LASTS_S)
    lease.saw(Seen("", 0, "", 0, "run2"), 1003.0, 1003.0)  # another server, or the same restarted
    assert not lease.may_take(1003.0 + LASTS_S - 0.01)


def test_whoever_holds_it_need_not_wait_for_a_redis_that_forgot() -> None:
    lease = owned(100.0)
    assert lease.saw(Seen("", 0, "", 0, "run2"), 100.5, 100.5) is None
    assert lease.may_take(101.0)
    assert not lease.may_take(102.5)
    assert lease.saw(Seen("a", 9, "http://a", 0, "run2"), 101.0, 101.0) == "forgotten"
    assert lease.epoch == 9


def test_what_was_ours_long_ago_is_not_taken_from_a_promoted_replica() -> None:
    lease = known(100.0)
    old = Seen("a", 3, "http://a", 3, "run2")
    assert lease.saw(old, 100.0, 100.0) is None
    assert not lease.held(100.0)
    assert lease.saw(old, 100.0 + LASTS_S, 100.0 + LASTS_S) == "begun"


@pytest.mark.parametrize(("before", "became"), [(7, "again"), (8, "replaced"), (0, "forgotten")])
def test_who_had_it_meanwhile(before: int, became: str) -> None:
    lease = owned(100.0)
    assert lease.saw(Seen("a", 9, "http://a", before, "run1"), 110.0, 110.0) == became
    assert lease.since == (9 if became == "replaced" else 7)


def test_a_room_that_another_has_is_silent_at_once() -> None:
    lease = owned(100.0)
    assert lease.saw(Seen("b", 8, "http://b", 7, "run1"), 100.1, 100.1) == "lost"
    assert (lease.held(100.1), lease.epoch, lease.address) == (False, 0, "http://b")
    assert lease.saw(Seen("b", 8, "http://b", 7, "run1"), 100.7, 100.7) is None


# A small world: one Redis, as lease.lua is; gateways whose clocks run at other speeds; answers that are late or lost.


@dataclass
class Redis:
    holder: str = ""
    epoch: int = 0
    until: float = 0.0
    before: int = 0
    """When it was given."""
    last: int = 0
    run: int = 0

    def answer(self, gateway: str, act: str, now: float) -> Seen:
        if now >= self.until:
            self.holder, self.epoch = "", 0
        if self.holder == gateway:
            self.until = now + LASTS_S
        elif not self.holder and act == "take":
            self.before, self.last = self.last, max(self.last + 1, int(1000 * (now + 1)))
            self.holder, self.epoch, self.until = gateway, self.last, now + LASTS_S
        return Seen(self.holder, self.epoch, f"http://{self.holder}", self.before, str(self.run))

    def restart(self) -> None:
        self.holder, self.epoch, self.until, self.before, self.last = "", 0, 0.0, 0, 0
        self.run += 1

    def promote(self, old: tuple[str, int, float, int, int]) -> None:
        """A replica that knows what was known a while ago."""
        self.holder, self.epoch, self.until, self.before, self.last = old
        self.run += 1

    @property
    def memory(self) -> tuple[str, int, float, int, int]:
        return self.holder, self.epoch, self.until, self.before, self.last


@dataclass
class Gateway:
    name: str
    speed: float
    lease: Lease = field(init=False)
    looks_at: float = 0.0
    asked: tuple[float, float, str] | None = None
    """Asked at, reaches Redis at, act."""
    answered: tuple[float, float, Seen] | None = None
    """Asked at, arrives at, answer."""
    frozen_until: float = 0.0
    cut_until: float = 0.0
    epochs: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lease = Lease(self.name)

    def clock(self, now: float) -> float:
        return 1000 + now * self.speed


def live(random: Random, seconds: float, trouble: float) -> tuple[int, float]:
    """Ticks in which two spoke, and the share of time in which somebody did."""
    redis = Redis()
    gateways = [Gateway(name, random.uniform(0.97, 1.03)) for name in "abc"]
    past = [redis.memory]
    step, both, one, now = 0.01, 0, 0, 0.0
    while now < seconds:
        now += step
        past.append(redis.memory)
        if random.random() < trouble * step:
            match random.randrange(4):
                case 0:
                    redis.restart()
                case 1:
                    redis.promote(past[-min(len(past), random.randrange(1, 200))])
                case 2:
                    random.choice(gateways).frozen_until = now + random.uniform(0, 8)
                case 3:
                    random.choice(gateways).cut_until = now + random.uniform(0, 8)
        for gateway in gateways:
            if now >= gateway.frozen_until:
                _live(gateway, redis, now, random)
        speaking = sum(gateway.lease.held(gateway.clock(now)) for gateway in gateways)
        both += speaking > 1
        one += speaking == 1
    epochs = [epoch for gateway in gateways for epoch in set(gateway.epochs)]
    assert len(set(epochs)) == len(epochs), "an epoch was given to two"
    return both, one * step / seconds


def _live(gateway: Gateway, redis: Redis, now: float, random: Random) -> None:
    clock = gateway.clock(now)
    if gateway.asked and now >= gateway.asked[1]:
        asked_at, _, act = gateway.asked
        gateway.asked = None
        answer = redis.answer(gateway.name, act, now)
        if now >= gateway.cut_until:
            gateway.answered = (asked_at, now + random.expovariate(20), answer)
    if gateway.answered and now >= gateway.answered[1]:
        asked_at, _, seen = gateway.answered
        gateway.answered = None
        if gateway.lease.saw(seen, asked_at, clock) not in (None, "lost"):
            gateway.epochs.append(gateway.lease.epoch)
    if clock >= gateway.looks_at:
        gateway.looks_at = clock + LOOKED_S
        gateway.answered = None  # waited for no longer
        gateway.asked = None
        if now >= gateway.cut_until or random.random() < 0.3:  # some get through late
            late = random.uniform(0, 3) if random.random() < 0.1 else random.expovariate(20)
            gateway.asked = (clock, now + late, "take" if gateway.lease.may_take(clock) else "look")


@given(st.integers(0, 2**32), st.floats(0.0, 2.0))
@settings(max_examples=40, deadline=None)
def test_never_two_speak(seed: int, trouble: float) -> None:
    assert live(Random(seed), 60, trouble)[0] == 0


def test_mostly_one_speaks() -> None:
    assert live(Random(1), 300, 0.0)[1] > 0.95
    assert live(Random(1), 300, 0.05)[1] > 0.6
