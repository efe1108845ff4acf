import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from streaming import workers
from streaming.errors import EngineError
from streaming.workers import EngineSpec, Worker


def spec(
    factory: str = "Engine", *, load_timeout: float = 30, idle_timeout: float = 30, **kwargs: object
) -> EngineSpec:
    return EngineSpec(
        "test", f"tests.streaming.engines:{factory}", kwargs, load_timeout=load_timeout, idle_timeout=idle_timeout
    )


def open_files() -> set[str]:
    links = set()
    for fd in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            links.add(f"{fd.name} {fd.readlink()}")
    return {link for link in links if "/proc/" not in link}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def is_gone(pid: int) -> bool:
    """Neither running nor a zombie."""
    return not Path(f"/proc/{pid}").exists()


@pytest_asyncio.fixture
async def worker() -> AsyncIterator[Worker]:
    async with Worker(spec()) as worker:
        yield worker


@pytest.fixture(autouse=True)
async def nothing_left_behind() -> AsyncIterator[None]:
    files, tasks = open_files(), asyncio.all_tasks()
    yield
    await until(lambda: not asyncio.all_tasks() - tasks - {asyncio.current_task()})
    await until(lambda: open_files() <= files)


async def test_call_returns_the_result(worker: Worker) -> None:
    assert await worker.call("echo", 1, "二", key=Path("/x")) == ((1, "二"), {"key": Path("/x")})


async def test_items_flow_as_they_are_made(worker: Worker, tmp_path: Path) -> None:
    stream = worker.stream("stream_then", 2, "hang")
    assert [await anext(stream), await anext(stream)] == [0, 1]  # although the third will never come
    await stream.aclose()


async def test_stream_ends(worker: Worker) -> None:
    assert [item async for item in worker.stream("count", 0, 1000)] == list(range(1000))


async def test_big_arrays_travel_both_ways(worker: Worker) -> None:
    array = np.random.default_rng(0).random((4_000_000,), np.float32)
    result = await worker.call("scaled", array, by=2)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, array * np.float32(2))


async def test_process_is_set_up_for_the_background(worker: Worker) -> None:
    niceness = os.nice(0)
    assert await worker.call("surroundings") == {
        "threads": "1",
        "niceness": min(19, niceness + 5),
        "sigint": True,
        "stdin": "",
    }


async def test_states() -> None:
    worker = Worker(spec())
    assert worker.state == "stopped"
    with pytest.raises(EngineError, match="not been started"):
        await worker.call("echo")
    await worker.start()
    assert worker.state == "starting"
    await worker.ready()
    assert worker.state == "ready"
    await worker.close()
    assert worker.state == "stopped"
    with pytest.raises(EngineError, match="stopped"):
        await worker.ready()


async def test_closed_worker_starts_again(worker: Worker) -> None:
    await worker.ready()
    await worker.close()
    await worker.start()
    assert await worker.call("echo") == ((), {})


async def test_exception_fails_its_request_alone(worker: Worker) -> None:
    pid = await worker.call("pid")
    with pytest.raises(EngineError, match=r"^test: no such voice$") as raised:
        await worker.call("fail", "no such voice")
    assert not raised.value.retryable
    with pytest.raises(EngineError) as raised:
        await worker.call("fail", "busy", retryable=True)
    assert raised.value.retryable
    with pytest.raises(EngineError, match="no_such_method"):
        await worker.call("no_such_method")
    with pytest.raises(EngineError, match="lock"):
        await worker.call("unpicklable")
    assert await worker.call("pid") == pid


async def test_exception_within_a_stream(worker: Worker) -> None:
    stream = worker.stream("stream_then", 3, "fail")
    assert [await anext(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(EngineError, match="the stream broke"):
        await anext(stream)


async def test_work_in_the_background_makes_way_half_done_and_is_done_anew(worker: Worker) -> None:
    await worker.call("pid")

    async def background() -> list[int]:
        return [i async for i in worker.stream("count_slowly", 6, 0.1, priority=10, yielding=True)]

    working = asyncio.create_task(background())
    await asyncio.sleep(0.35)  # three items are made
    begun = asyncio.get_running_loop().time()
    await worker.call("pid")
    assert asyncio.get_running_loop().time() - begun < 0.2  # the item in hand, and not the three after it
    assert await working == list(range(6))


async def test_arguments_that_cannot_travel(worker: Worker) -> None:
    with pytest.raises(EngineError, match="cannot travel"):
        await worker.call("echo", lambda: None)


@pytest.mark.parametrize(("method", "args", "names"), [("crash", [], "SIGSEGV"), ("leave", [7], "exit status 7")])
async def test_crash_fails_the_running_request_and_restarts(
    worker: Worker, method: str, args: list[int], names: str
) -> None:
    pid = await worker.call("pid")
    crash = asyncio.create_task(worker.call(method, *args))
    waiting = asyncio.create_task(worker.call("pid"))
    with pytest.raises(EngineError, match=f"“test” died.*{names}.*restarted") as raised:
        await crash
    assert raised.value.retryable
    assert await waiting not in (pid, None)  # it stayed in line and was served by the next process
    assert worker.restarts == 1
    assert is_gone(pid)


async def test_death_while_idle_goes_unnoticed(worker: Worker) -> None:
    pid = await worker.call("pid")
    os.kill(pid, signal.SIGKILL)
    await until(lambda: worker.state == "restarting")
    assert await worker.call("pid") != pid


async def test_hang_is_killed_and_restarted() -> None:
    async with Worker(spec(idle_timeout=0.3)) as worker:
        pid = await worker.call("pid")
        stream = worker.stream("stream_then", 2, "hang")
        assert [await anext(stream) for _ in range(2)] == [0, 1]
        with pytest.raises(EngineError, match=r"no sign of life for 0\.3 s") as raised:
            await anext(stream)
        assert raised.value.retryable
        assert await worker.call("pid") != pid
        assert is_gone(pid)


@pytest.mark.parametrize("busy", [True, False])
async def test_a_process_that_stands_still_is_noticed_by_its_pulse(
    worker: Worker, busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_SILENT_BEATS", 1)
    await worker.ready()
    before = worker.pid
    assert before is not None
    waiting = asyncio.create_task(worker.call("hang")) if busy else None
    await asyncio.sleep(0.5)
    os.kill(before, signal.SIGSTOP)
    await until(lambda: worker.restarts == 1)
    if waiting:
        with pytest.raises(EngineError, match="stood still"):
            await waiting
    assert await worker.call("echo") == ((), {})
    assert worker.pid != before
    assert is_gone(before)


async def test_an_engine_that_works_for_long_is_not_taken_for_one_that_stands_still(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_SILENT_BEATS", 1)
    assert [item async for item in worker.stream("count_slowly", 1, 3.5)] == [0]
    assert worker.restarts == 0


async def test_closing_a_stream_frees_the_engine(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with Worker(spec(journal=journal)) as worker:
        stream = worker.stream("count", 0, 10**12)
        assert await anext(stream) == 0
        await stream.aclose()
        await worker.call("note", "free")
        assert journal.read_text().split() == ["closed", "free"]
        assert worker.restarts == 0


async def test_cancelled_in_line_never_runs(tmp_path: Path) -> None:
    journal, go = tmp_path / "journal", tmp_path / "go"
    async with Worker(spec(journal=journal)) as worker:
        running = asyncio.create_task(worker.call("wait_for", go))
        await worker.ready()
        await until(lambda: worker.waiting == 0)
        cancelled = asyncio.create_task(worker.call("note", "cancelled"))
        kept = asyncio.create_task(worker.call("note", "kept"))
        await until(lambda: worker.waiting == 2)
        cancelled.cancel()
        await until(lambda: worker.waiting == 1)
        go.touch()
        await asyncio.gather(running, kept)
        assert journal.read_text().split() == ["kept"]


async def test_line_is_bounded_and_kept_by_priority(tmp_path: Path) -> None:
    journal, go = tmp_path / "journal", tmp_path / "go"
    async with Worker(spec(journal=journal)) as worker:
        running = asyncio.create_task(worker.call("wait_for", go))
        await worker.ready()
        await until(lambda: worker.waiting == 0)
        programme = [asyncio.create_task(worker.call("note", f"programme{n}", priority=1)) for n in range(15)]
        await until(lambda: worker.waiting == 15)
        answer = asyncio.create_task(worker.call("note", "answer"))
        await until(lambda: worker.waiting == 16)
        with pytest.raises(EngineError, match="16 requests in line") as raised:
            await worker.call("note", "one too many")
        assert raised.value.retryable
        go.touch()
        await asyncio.gather(running, answer, *programme)
        assert journal.read_text().split() == ["answer", *(f"programme{n}" for n in range(15))]


async def test_unread_stream_holds_only_a_bounded_number_of_items(worker: Worker) -> None:
    stream = worker.stream("count", 0, 5000)
    assert await anext(stream) == 0
    await asyncio.sleep(0.1)
    assert [item async for item in stream] == list(range(1, 5000))
    abandoned = worker.stream("count", 0, 10**12)
    await anext(abandoned)
    await asyncio.sleep(0.1)  # the supervisor now waits for room
    await abandoned.aclose()
    assert await worker.call("echo") == ((), {})


async def test_constructor_error_is_told_to_all() -> None:
    async with Worker(spec(refuse="model.bin is missing: run everhost doctor")) as worker:
        waiting = asyncio.create_task(worker.call("echo"))
        with pytest.raises(EngineError, match=r"could not be loaded: model\.bin is missing: run everhost doctor"):
            await worker.ready()
        with pytest.raises(EngineError, match=r"model\.bin is missing"):
            await waiting
        with pytest.raises(EngineError, match=r"model\.bin is missing"):
            await worker.call("echo")
        assert worker.state.startswith("failed: ")
        await until(lambda: worker.pid is None)


async def test_failed_worker_starts_again(tmp_path: Path) -> None:
    async with Worker(EngineSpec("test", "tests.streaming.engines:NoSuchEngine")) as worker:
        with pytest.raises(EngineError, match="NoSuchEngine"):
            await worker.ready()
        await until(lambda: worker.pid is None)
        worker.spec = spec()
        await worker.start()
        assert await worker.call("echo") == ((), {})


@pytest.mark.parametrize(
    ("factory", "load_timeout", "says"), [("die_while_loading", 30, "status 3"), ("hang_while_loading", 0.2, "no sign")]
)
async def test_deaths_while_loading_are_told_after_a_while(factory: str, load_timeout: float, says: str) -> None:
    async with Worker(spec(factory, load_timeout=load_timeout)) as worker:
        with pytest.raises(EngineError, match=f"cannot be kept alive.*{says}"):
            await worker.ready()
        assert worker.restarts == 3


async def test_close_tells_everybody(tmp_path: Path) -> None:
    worker = Worker(spec())
    await worker.start()
    await worker.ready()
    running = asyncio.create_task(worker.call("hang"))
    waiting = asyncio.create_task(worker.call("echo"))
    await until(lambda: worker.waiting == 1)
    pid = worker.pid
    await worker.close()
    for task in (running, waiting):
        with pytest.raises(EngineError, match="stopped"):
            await task
    assert pid is not None
    assert is_gone(pid)


async def test_close_while_loading() -> None:
    worker = Worker(spec("hang_while_loading"))
    await worker.start()
    await until(lambda: worker.pid is not None)
    pid = worker.pid
    await worker.close()
    assert pid is not None
    assert is_gone(pid)


async def test_output_goes_to_the_log(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="everhost.engine")
    await worker.call("say", "loading tensors")
    await until(lambda: ("everhost.engine.test", 10, "loading tensors") in caplog.record_tuples)


def test_worker_dies_with_its_parent() -> None:
    parent = textwrap.dedent("""
        import asyncio, os, signal
        from streaming.workers import EngineSpec, Worker

        async def main():
            worker = Worker(EngineSpec("test", "tests.streaming.engines:Engine"))
            await worker.start()
            print(await worker.call("pid"), flush=True)
            call = asyncio.create_task(worker.call("hang"))  # does not read its socket any more
            await asyncio.sleep(0.1)
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(main())
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", parent], stdout=subprocess.PIPE, env=environment, timeout=60)
    assert ran.returncode == -signal.SIGKILL
    pid = int(ran.stdout)

    async def gone() -> None:
        # Where nothing reaps orphans the worker stays a zombie; dead is what counts.
        stat = Path(f"/proc/{pid}/stat")
        await until(lambda: not stat.exists() or stat.read_text().rsplit(") ", 1)[1].startswith("Z"))

    asyncio.run(gone())
