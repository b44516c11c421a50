import asyncio
import socket
import threading
import time
from functools import partial

import pytest

from plait.events import wall
from plait.testing import HAS_EAGER_TASKS, LoopStuckError, VirtualTimeLoop, settle


async def test_an_hour_passes_at_once(virtual_loop: VirtualTimeLoop) -> None:
    """Sleeping moves the clock exactly as far as was asked, and takes no real time."""
    began = time.monotonic()
    await asyncio.sleep(3600)
    assert virtual_loop.time() == 3600.0
    assert time.monotonic() - began < 60


async def test_a_sleep_of_many_days_ends_on_time(virtual_loop: VirtualTimeLoop) -> None:
    """asyncio cuts a long wait into days; the clock still arrives where it should."""
    await asyncio.sleep(10 * 86400.0 + 0.5)
    assert virtual_loop.time() == 10 * 86400.0 + 0.5


async def test_timers_run_in_the_order_of_their_times(virtual_loop: VirtualTimeLoop) -> None:
    """The clock stops at each timer on its way."""
    seen: list[tuple[str, float]] = []

    def note(name: str) -> None:
        seen.append((name, virtual_loop.time()))

    for name, delay in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
        virtual_loop.call_later(delay, note, name)
    await asyncio.sleep(5)
    assert seen == [("a", 1.0), ("b", 2.0), ("c", 3.0)]


async def test_timeouts_are_virtual(virtual_loop: VirtualTimeLoop) -> None:
    """A deadline of ten minutes is reached at ten minutes of virtual time."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(600):
            await asyncio.Event().wait()
    assert virtual_loop.time() == 600.0


async def test_the_wall_clock_follows(virtual_loop: VirtualTimeLoop) -> None:
    """`plait.events.wall()` moves with the loop, from the first second of 2026."""
    assert wall() == 1767225600.0
    await asyncio.sleep(90)
    assert wall() == 1767225690.0


async def test_the_wall_clock_can_be_stepped(virtual_loop: VirtualTimeLoop) -> None:
    """A step of the wall clock leaves the loop's own time alone."""
    virtual_loop.advance_wall(-3600)
    assert wall() == 1767225600.0 - 3600
    assert virtual_loop.time() == 0.0


async def test_advance_makes_timers_late(virtual_loop: VirtualTimeLoop) -> None:
    """After a blocked stretch, a timer that came due in it runs at the end of the stretch."""
    due: list[float] = []
    virtual_loop.call_later(1.0, lambda: due.append(virtual_loop.time()))
    virtual_loop.advance(7.5)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert due == [7.5]


def test_advance_refuses_to_go_back(virtual_loop: VirtualTimeLoop) -> None:
    """The loop's time is monotonic."""
    with pytest.raises(ValueError, match="backwards"):
        virtual_loop.advance(-1)


async def test_time_stands_still_while_a_job_runs(virtual_loop: VirtualTimeLoop) -> None:
    """An open executor job holds the clock, so a timeout beside it cannot fire."""
    gate = threading.Event()
    virtual_loop.call_later(0.0, gate.set)
    async with asyncio.timeout(5):
        assert await asyncio.to_thread(gate.wait, 10.0)
    assert virtual_loop.time() == 0.0
    await asyncio.sleep(1)
    assert virtual_loop.time() == 1.0


async def test_a_job_given_up_holds_time_until_it_ends(virtual_loop: VirtualTimeLoop) -> None:
    """Cancelling the await does not end the thread; time goes on when the thread is done."""
    gate = threading.Event()
    job = asyncio.ensure_future(virtual_loop.run_in_executor(None, gate.wait, 10.0))
    await asyncio.sleep(0)
    job.cancel()
    virtual_loop.call_soon(gate.set)
    await asyncio.sleep(1)
    assert gate.is_set()
    assert job.cancelled()
    assert virtual_loop.time() == 1.0


async def test_the_error_of_a_job_reaches_the_caller() -> None:
    """What the function raises is raised by the await."""
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(lambda: 1 // 0)


async def test_holding_stops_the_clock(virtual_loop: VirtualTimeLoop) -> None:
    """Inside `holding()` the loop waits for a thread, whatever timers are set."""
    arrived = asyncio.Event()
    thread = threading.Thread(
        target=lambda: virtual_loop.call_soon_threadsafe(arrived.set), daemon=True
    )
    with virtual_loop.holding():
        thread.start()
        async with asyncio.timeout(1):
            await arrived.wait()
    thread.join()
    assert virtual_loop.time() == 0.0


async def test_settle_lets_everything_runnable_run(virtual_loop: VirtualTimeLoop) -> None:
    """After `settle()` a chain of a thousand hand-overs is done and no time has passed."""
    steps = 0

    async def chain() -> None:
        nonlocal steps
        for _ in range(1000):
            await asyncio.sleep(0)
            steps += 1
        await asyncio.sleep(1)
        steps = -1

    task = asyncio.create_task(chain())
    await settle()
    assert steps == 1000
    assert virtual_loop.time() == 0.0
    await task


async def test_settlers_wake_one_after_the_other() -> None:
    """What the first one to settle sets going has settled before the second goes on."""
    log: list[str] = []

    async def later() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        log.append("settled work")

    async def first() -> None:
        await settle()
        log.append("first")
        await later()

    async def second() -> None:
        await settle()
        log.append("second")

    await asyncio.gather(first(), second())
    assert log == ["first", "settled work", "second"]


async def test_a_cancelled_settler_is_passed_over() -> None:
    """A task cancelled in `settle()` does not keep the next one waiting."""
    task = asyncio.create_task(settle())
    await asyncio.sleep(0)
    task.cancel()
    await settle()
    assert task.cancelled()


@pytest.mark.plait(loops="real")
async def test_settle_works_roughly_on_any_loop() -> None:
    """Without virtual time, control is handed over many times."""
    steps = 0

    async def chain() -> None:
        nonlocal steps
        for _ in range(50):
            await asyncio.sleep(0)
            steps += 1

    task = asyncio.create_task(chain())
    await settle()
    assert steps == 50
    await task


@pytest.mark.network
async def test_real_sockets_work_between_jumps(virtual_loop: VirtualTimeLoop) -> None:
    """A conversation over loopback goes on while the clock jumps between its sleeps."""

    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            await asyncio.sleep(60)
            writer.write(line.upper())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        for word in (b"one\n", b"two\n"):
            writer.write(word)
            assert await reader.readline() == word.upper()
        writer.close()
        await writer.wait_closed()
        await settle()
    assert virtual_loop.time() == 120.0


@pytest.mark.network
async def test_a_peer_in_a_thread_is_waited_for(virtual_loop: VirtualTimeLoop) -> None:
    """Inside `holding()` an answer that takes real time comes before a short virtual deadline."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    def answer() -> None:
        theirs.sendall(theirs.recv(10).upper())
        theirs.close()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    with ours, virtual_loop.holding():
        async with asyncio.timeout(0.001):
            await virtual_loop.sock_sendall(ours, b"x")
            assert await virtual_loop.sock_recv(ours, 10) == b"X"
    thread.join()


@pytest.mark.leaks("a dead end is what is tested")
def test_a_stuck_loop_says_who_waits_where() -> None:
    """With nothing runnable, no timer and nobody outside, the error names task, file and line."""

    async def innermost() -> None:
        await asyncio.Event().wait()

    async def outer() -> None:
        asyncio.current_task().set_name("the culprit")  # type: ignore[union-attr] # runs in a task
        await innermost()

    with asyncio.Runner(loop_factory=partial(VirtualTimeLoop, patience=0.0)) as runner:
        with pytest.raises(LoopStuckError, match="no timer is set") as caught:
            runner.run(outer())
        assert [line.split(":")[0] for line in caught.value.tasks] == ["the culprit"]
        assert "innermost" in str(caught.value)
        assert __file__ in str(caught.value)


@pytest.mark.leaks("a dead end is what is tested")
def test_the_limit_ends_a_wait_beside_an_endless_timer() -> None:
    """A timer that ticks for ever cannot keep a hopeless test alive past its real-time limit."""

    async def tick() -> None:
        while True:  # noqa: ASYNC110 # an endless timer is what is tested
            await asyncio.sleep(1)

    async def main() -> None:
        task = asyncio.create_task(tick())
        await asyncio.Event().wait()
        await task

    with (
        asyncio.Runner(loop_factory=partial(VirtualTimeLoop, limit=0.05)) as runner,
        pytest.raises(LoopStuckError, match="of real time"),
    ):
        runner.run(main())


def test_eager_tasks_start_inside_create_task() -> None:
    """An eager loop runs a task up to its first wait; where Python cannot, one sentence says so."""
    if not HAS_EAGER_TASKS:
        with pytest.raises(RuntimeError, match=r"3\.12"):
            VirtualTimeLoop(eager=True)
        return
    log: list[str] = []

    async def child() -> None:
        log.append("child")

    async def main() -> None:
        task = asyncio.create_task(child())
        log.append("main")
        await task

    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(eager=True)) as runner:
        runner.run(main())
    assert log == ["child", "main"]


def test_the_loop_closes_cleanly_after_a_job() -> None:
    """The default executor is shut down with the loop; no thread is left."""

    async def main() -> None:
        await asyncio.to_thread(lambda: None)

    before = threading.active_count()
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())
    assert threading.active_count() == before
