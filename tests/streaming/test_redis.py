"""State and leases in a real Redis that is killed, forgets, is full, or does not answer."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from redis.exceptions import ResponseError

from streaming import metrics
from streaming.bench.fleet import Way
from streaming.cli import main
from streaming.errors import EverhostError
from streaming.fleet import asking
from streaming.fleet.asking import table
from streaming.fleet.fleet_http import add_fleet
from streaming.fleet.lease import LASTS_S, Lease
from streaming.fleet.ownership import Ownership
from streaming.mutes import Muted
from streaming.operator import Operators
from streaming.programme.schedule import Aired
from streaming.state.redis import CLOSING_S, RedisRoom, connected, key
from streaming.state.state import Desk
from tests.streaming.conftest import free_port
from tests.streaming.redis_server import RedisServer, redis_server
from tests.streaming.test_relay import TOKEN, served
from tests.streaming.test_state import own, question

pytestmark = pytest.mark.real


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


@asynccontextmanager
async def room(server: RedisServer, epoch: int = 1) -> AsyncIterator[RedisRoom]:
    async with connected(server.url) as redis:
        await own(redis, "law", epoch)
        kept = RedisRoom(redis, "law", epoch)
        await kept.unfinished()
        try:
            yield kept
        finally:
            await kept.close()


async def until(done: Callable[[], object], seconds: float = 10) -> float:
    begun = time.monotonic()
    while not done():
        assert time.monotonic() - begun < seconds, "it did not come to that"
        await asyncio.sleep(0.02)
    return time.monotonic() - begun


# State


async def test_whoever_lost_the_room_can_write_nothing(server: RedisServer) -> None:
    async with room(server, 1) as old:
        old.record(question("q1"), None)
        assert [one.id for one in await old.unfinished()] == ["q1"]
        async with room(server, 2) as new:
            old.record(question("q2"), None)
            old.record(question("q1"), "answered")
            reading = asyncio.ensure_future(old.unfinished())
            await asyncio.sleep(0.2)
            assert not reading.done()
            assert [one.id for one in await new.unfinished()] == ["q1"]
            begun = time.monotonic()
            await old.close()
            assert time.monotonic() - begun < CLOSING_S / 2
            with pytest.raises(EverhostError, match="any more"):
                await reading
            assert [one.id for one in await new.unfinished()] == ["q1"]


async def test_the_next_epoch_may_be_ours_before_we_know_of_it(server: RedisServer) -> None:
    """The lease ran out and was given to the same gateway, whose answer is late: what it writes meanwhile waits."""
    async with room(server, 1) as state, connected(server.url) as redis:
        state.record(question("q1"), None)
        await state.kept()
        await own(redis, "law", 2)
        state.record(question("q1"), "answered")
        await asyncio.sleep(0.2)
        state.owned(2, forgotten=False)
        assert await state.unfinished() == []
        assert [one.id for one, _, _ in await state.ended(0.0, 9)] == ["q1"]


async def test_what_arrives_when_it_was_long_said_anew_changes_nothing(server: RedisServer) -> None:
    """As when a network lets go of what it held up."""
    async with room(server) as state, connected(server.url) as redis:
        state.switch(paused=True, cut=False)
        state.air(Aired("news", 0, 0, "It rains.", 5.0))
        await state.kept()
        state.switch(paused=False, cut=False)
        await state.kept()
        late = int(await redis.hget(key("law", "lease"), "written")) - 1
        script = redis.register_script(files("streaming.state").joinpath("room.lua").read_text("utf-8"))
        for number, said in ((late - 1, ("switch", "1", "0")), (late, ("air", "5.0", "{}"))):
            with pytest.raises(ResponseError, match="LATE"):
                await script(keys=state._keys, args=[1, number, *said])
        assert await state.desk() == Desk()
        assert len(await state.aired(0.0)) == 1


async def test_what_the_last_owner_had_not_ended_is_taken_over(server: RedisServer) -> None:
    """The stream's pending entries are the new owner's, and are acknowledged when the questions end."""
    async with room(server, 1) as old:
        for n in range(3):
            old.record(question(f"q{n}", n), None)
        old.record(question("q0"), "answered")
    async with room(server, 2) as new, connected(server.url) as redis:
        stream = key("law", "questions")
        assert [one.id for one in await new.unfinished()] == ["q1", "q2"]
        pending = await redis.xpending(stream, "room")
        assert pending["pending"] == 2
        assert [one["name"] for one in pending["consumers"]] == ["2"]
        new.record(question("q1"), "answered")
        new.record(question("q2"), "failed")
        assert await new.unfinished() == []
        assert await redis.xlen(stream) == (await redis.xpending(stream, "room"))["pending"] == 0
        [(_, dead)] = await redis.xrange(key("law", "failed"))
        assert '"q2"' in dead["question"]


async def test_a_redis_that_is_away_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with redis_server(tmp_path, "--appendonly", "yes", "--appendfsync", "always") as server:
        async with room(server) as state:
            state.record(question("q1"), None)
            await state.unfinished()
            server.kill()
            with caplog.at_level(logging.WARNING):
                state.record(question("q2"), None)
                state.record(question("q1"), "answered")
                await until(lambda: "waits for Redis" in caplog.text)
            server.start()
            assert [one.id for one in await state.unfinished()] == ["q2"]
            assert [one.id for one, _, _ in await state.ended(0.0, 9)] == ["q1"]


async def test_a_redis_that_forgot_is_told_again(server: RedisServer) -> None:
    async with room(server) as state, connected(server.url) as redis:
        for n in (1, 2, 3):
            state.record(question(f"q{n}", n), None)
        state.record(question("q2"), "answered")
        state.mute(Muted("v1", 1e12))
        state.switch(paused=True, cut=False)
        await state.unfinished()
        server.kill()
        state.record(question("q4", 4.0), None)
        server.start()
        await own(redis, "law", 9)
        state.owned(9, forgotten=True)
        assert [one.id for one in await state.unfinished()] == ["q1", "q3", "q4"]
        assert await state.muted(0.0) == [Muted("v1", 1e12)]
        assert await state.desk() == Desk(paused=True)


async def test_a_lease_that_ran_out_is_waited_for(server: RedisServer) -> None:
    """Only another owner fences: until there is one, what was written counts."""
    async with room(server) as state, connected(server.url) as redis:
        await redis.delete(key("law", "lease"))
        state.record(question("q1"), None)
        reading = asyncio.ensure_future(state.unfinished())
        await asyncio.sleep(0.2)
        assert not reading.done()
        await own(redis, "law", 2)
        state.owned(2, forgotten=False)
        assert [one.id for one in await reading] == ["q1"]


async def test_a_full_redis_is_waited_for(server: RedisServer) -> None:
    async with room(server) as state, connected(server.url) as redis:
        await redis.config_set("maxmemory", "1")
        state.record(question("q1"), None)
        await asyncio.sleep(0.3)
        await redis.config_set("maxmemory", "0")
        assert [one.id for one in await state.unfinished()] == ["q1"]


async def test_a_redis_that_wants_a_replica_is_waited_for(server: RedisServer) -> None:
    async with room(server) as state, connected(server.url) as redis:
        await redis.config_set("min-replicas-to-write", "1")
        state.record(question("q1"), None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await state.kept()
        await redis.config_set("min-replicas-to-write", "0")
        assert [one.id for one in await state.unfinished()] == ["q1"]


async def test_what_redis_will_never_take_is_not_said_to_be_kept(server: RedisServer) -> None:
    async with room(server) as state, connected(server.url) as redis:
        await redis.set(key("law", "muted"), "no hash")
        state.mute(Muted("v1", 1e12))
        with pytest.raises(EverhostError, match="not all"):
            await state.kept()
        await state.kept()


async def test_closing_does_not_wait_for_ever(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async with room(server) as state:
        server.kill()
        state.record(question("q1"), None)
        state.record(question("q2"), None)
    assert "could not be written" in caplog.text


def test_an_address_that_is_none() -> None:
    with pytest.raises(EverhostError, match="no address of a Redis"):
        connected("http://localhost:6379")


# Leases


@dataclass
class House:
    """What begins, comes back and ends, and with which epoch."""

    told: list[tuple[str, int]] = field(default_factory=list)
    full: bool = False
    at_most: int | None = None
    begins: Callable[[], Awaitable[Any]] | None = None

    async def begin(self, room: str, lease: Lease) -> None:
        self.told.append(("begin", lease.epoch))
        if self.begins is not None:
            await self.begins()

    def again(self, room: str, epoch: int, *, forgotten: bool) -> None:
        self.told.append(("forgotten" if forgotten else "again", epoch))

    async def end(self, room: str) -> None:
        self.told.append(("end", 0))

    def most(self) -> int | None:
        return 0 if self.full else self.at_most

    @property
    def does(self) -> list[str]:
        return [what for what, _ in self.told]


@asynccontextmanager
async def gateway(
    server: RedisServer, name: str, rooms: Sequence[str] = ("law",), at_most: int | None = None
) -> AsyncIterator[tuple[Ownership, House]]:
    house = House(at_most=at_most)
    async with connected(server.url) as redis:
        ownership = Ownership(redis, rooms, f"http://{name}", house)
        running = asyncio.create_task(ownership.run())
        try:
            yield ownership, house
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await ownership.close()


def held(ownership: Ownership) -> bool:
    return ownership.leases["law"].held(time.monotonic())


async def test_one_has_the_room_and_another_takes_it_over(server: RedisServer) -> None:
    async with gateway(server, "b") as (b, second):
        second.full = True
        async with gateway(server, "a") as (a, first):
            await until(lambda: held(a))
            await until(lambda: first.does == ["begin"])
            second.full = False
            await asyncio.sleep(2 * LASTS_S)
            assert held(a)
            assert not held(b)
            assert b.leases["law"].address == "http://a"
        assert await until(lambda: held(b)) < 2  # given away: nobody need wait
        await until(lambda: second.does == ["begin"])
        assert second.told[0][1] > first.told[0][1]


async def test_on_a_slow_way_a_lease_outlives_its_connection(server: RedisServer) -> None:
    """0.2 s each way: whatever a new connection said before its first command would cost twice that."""
    house = House()
    async with Way.opened(server.port) as way, connected(f"redis://127.0.0.1:{way.port}/0", checked_s=0) as redis:
        ownership = Ownership(redis, ["law"], "http://a", house)
        running = asyncio.create_task(ownership.run())
        await until(lambda: held(ownership))
        way.delay_s = 0.2
        try:
            for _ in range(3):
                way.break_off()
                for _ in range(20):
                    await asyncio.sleep(LASTS_S / 20)
                    assert held(ownership)
        finally:
            way.delay_s = 0.0
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await ownership.close()
    assert house.does == ["begin"]


async def test_a_gateway_that_is_gone_is_replaced_within_its_lease(server: RedisServer) -> None:
    async with gateway(server, "b") as (b, second), connected(server.url) as redis:
        second.full = True
        a, first = Ownership(redis, ["law"], "http://a", House()), House()
        a._owner = first
        running = asyncio.create_task(a.run())
        await until(lambda: held(a))
        second.full = False
        await asyncio.sleep(LASTS_S)
        running.cancel()  # killed: it says nothing
        with suppress(asyncio.CancelledError):
            await running
        took = await until(lambda: held(b))
        assert not held(a)
        assert took < LASTS_S + 1.5
        await until(lambda: second.does == ["begin"])


async def test_a_room_is_silent_while_redis_is_gone_and_back_when_it_is(server: RedisServer) -> None:
    async with gateway(server, "a") as (a, house):
        await until(lambda: held(a))
        server.kill()
        assert held(a)  # for as long as the lease lasts
        assert await until(lambda: not held(a)) < LASTS_S
        server.start()  # empty
        await until(lambda: held(a))
        await until(lambda: house.does == ["begin", "forgotten"])
        assert house.told[1][1] > house.told[0][1]


async def test_a_room_that_begins_for_ever_is_renewed_and_can_be_given_away(server: RedisServer) -> None:
    async with gateway(server, "a") as (a, house):
        stuck = asyncio.Event()
        house.begins = stuck.wait
        await until(lambda: house.does == ["begin"])
        await asyncio.sleep(LASTS_S)
        assert held(a)
        server.kill()
        server.start()
        await until(lambda: house.does == ["begin", "forgotten"])
        a.leave("law")
        await until(lambda: house.does == ["begin", "forgotten", "end"])
        assert not held(a)


async def test_a_room_that_cannot_begin_is_left_to_others(server: RedisServer) -> None:
    async def broken() -> None:
        raise OSError("the disk is gone")

    async with gateway(server, "a") as (a, first):
        first.begins = broken
        await until(lambda: first.does == ["begin", "end"])
        async with gateway(server, "b") as (b, second):
            await until(lambda: held(b))
            assert not held(a)
            assert second.does == ["begin"]
            assert first.does == ["begin", "end"]


async def test_a_room_can_be_given_away_and_taken_back(server: RedisServer) -> None:
    async with gateway(server, "a") as (a, first), gateway(server, "b") as (b, second):
        await until(lambda: held(a) or held(b))
        if held(b):
            (a, first), (b, second) = (b, second), (a, first)
        a.leave("law")
        await until(lambda: held(b))
        await until(lambda: first.does == ["begin", "end"])
        b.leave("law")
        a.stay("law")
        await until(lambda: held(a))
        await until(lambda: second.does == ["begin", "end"])


async def test_no_more_rooms_are_taken_than_a_machine_carries(server: RedisServer) -> None:
    rooms = ["a", "b", "c", "d"]
    async with gateway(server, "x", rooms, at_most=2) as (x, _):
        await until(lambda: x.running == 2)
        await asyncio.sleep(2)
        assert x.running == 2
        async with gateway(server, "y", rooms, at_most=3) as (y, _):
            await until(lambda: y.running == 2)
            assert x.running == 2
        await asyncio.sleep(2)
        assert x.running == 2


async def test_rooms_of_a_gateway_that_ends_are_shared_out(server: RedisServer) -> None:
    rooms = [f"r{n}" for n in range(6)]
    async with gateway(server, "z", rooms) as (z, _):
        await until(lambda: z.running == 6)
        async with gateway(server, "x", rooms) as (x, _), gateway(server, "y", rooms) as (y, _):
            await asyncio.sleep(LASTS_S + 1)
            await z.leave_all()
            await until(lambda: x.running + y.running == 6)
            assert x.running
            assert y.running


# For operators


@asynccontextmanager
async def asked(ownership: Ownership, folder: Path) -> AsyncIterator[str]:
    app = FastAPI()
    add_fleet(app, ownership, {}, Operators(folder))
    async with served(app) as address:
        yield f"http://{address}"


async def test_an_operator_sees_the_rooms_and_gives_them_away(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVERHOST_OPERATOR_TOKEN", TOKEN)

    async def rooms(*arguments: str) -> str:
        assert await asyncio.to_thread(main, ["rooms", *arguments]) == 0
        return capsys.readouterr().out

    async with gateway(server, "a") as (a, house), asked(a, tmp_path) as address:
        await until(lambda: held(a))
        first, law = (await rooms("--at", address)).splitlines()
        assert first.split() == ["room", "viewers", "waiting", "run", "by", "how", "it", "is"]
        assert law.split() == ["law", "–", "–", "http://a", "its", "gateway", "does", "not", "answer"]
        assert "drained" in await rooms("drain", "law", "--at", address)
        await until(lambda: house.does == ["begin", "end"])
        async with gateway(server, "b") as (b, _):
            await until(lambda: held(b))
            assert "drained" not in await rooms("take", "--at", address)
            await asyncio.sleep(LASTS_S)
            assert held(b)  # it is taken only when it is free
        await until(lambda: held(a))
        text = metrics.render([], a).decode()
        assert 'everhost_room_held{room="law"} 1.0' in text
        assert 'everhost_lease_changes_total{became="begun",room="law"} 2.0' in text


def test_how_rooms_are() -> None:
    here = {"id": "law", "address": "http://a", "here": True, "held": True, "on_air": True, "drained": False}
    one = {**here, "viewers": 12, "waiting": 3}
    rooms = [one, {**one, "held": False}, {**one, "on_air": False}, {**one, "address": "", "here": False}]
    _, *lines = table([*rooms, {**one, "here": False, "drained": True}]).splitlines()
    assert lines[0].split() == ["law", "12", "3", "http://a", "on", "air"]
    assert lines[1].endswith("  behind a slate: Redis does not answer")
    assert lines[2].endswith("  its stage is being started")
    assert lines[3].endswith("nobody runs it")
    assert lines[4].endswith("does not answer, drained here")


async def test_an_owner_says_how_its_rooms_are(server: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "operator.token").write_text(TOKEN)
    async with served(FastAPI()) as nobody, gateway(server, nobody) as (a, _), asked(a, tmp_path) as address:
        await until(lambda: held(a))
        [seen] = await asyncio.to_thread(asking.rooms, address, TOKEN)  # who runs it is no gateway
        assert (seen["here"], seen["address"]) == (False, f"http://{nobody}")


async def test_what_is_wrong_is_said(server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with gateway(server, "a") as (a, _), asked(a, tmp_path) as address, served(FastAPI()) as alone:
        token = (tmp_path / "operator.token").read_text().strip()
        for arguments, why in (
            (["--at", address, "--token", "wrong"], "token"),
            (["drain", "nothing", "--at", address, "--token", token], "law"),
            (["--at", f"http://{alone}"], "--redis"),
            (["--at", f"http://127.0.0.1:{free_port()}"], "--at"),
            (["--at", "nonsense"], "--at"),
        ):
            assert await asyncio.to_thread(main, ["rooms", *arguments]) == 2
            assert why in capsys.readouterr().err


async def test_what_is_said_to_be_kept_is(server: RedisServer) -> None:
    async with room(server) as state:
        state.record(question("q1"), None)
        await state.kept()
        server.kill()
        state.record(question("q2"), None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await state.kept()
