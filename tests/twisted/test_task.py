"""Clocks, loops, cooperators and threads behave as Twisted's do."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .both import OURS, THEIRS, Body, Words, agree, plain
from .test_defer import raiser, seen


def delayed(w: Words) -> Any:
    clock, out = w.task.Clock(), []
    one, two = clock.callLater(1, out.append, 1), clock.callLater(0.5, out.append, 2)
    facts = [
        one.getTime(),
        one.active(),
        [c is two for c in clock.getDelayedCalls()],
        clock.seconds(),
    ]
    clock.advance(0.5)
    facts.append(list(out))
    clock.advance(0.5)
    return [facts, out, one.active(), one.called, one.cancelled, w.outcome(one.cancel)]


def put_off(w: Words) -> Any:
    clock, out = w.task.Clock(), []
    call = clock.callLater(1, out.append, 4)
    call.delay(2)
    clock.advance(1)
    before = list(out)
    call.reset(0.1)
    clock.advance(0.1)
    return [before, out]


def cancelled(w: Words) -> Any:
    call = w.task.Clock().callLater(1, len)
    call.cancel()
    acts = [lambda: call.cancel(), lambda: call.delay(1), lambda: call.reset(1)]
    return [call.active(), [w.outcome(act) for act in acts]]


def nested(w: Words) -> Any:
    clock, out = w.task.Clock(), []
    clock.callLater(1, lambda: clock.callLater(0, out.append, "nested"))
    clock.pump([0.5, 0.5])
    return [out, clock.seconds()]


def clock_raises(w: Words) -> Any:
    clock, out = w.task.Clock(), []
    clock.callLater(1, raiser(KeyError("k")))
    clock.callLater(1, out.append, "after")
    first = w.outcome(clock.advance, 2)
    clock.advance(0)
    return [first, out]


def looping(w: Words, steps: list[float], interval: float = 1.0, now: bool = True) -> Any:
    clock, out = w.task.Clock(), []
    loop = w.task.LoopingCall(lambda: out.append(round(clock.seconds(), 6)))
    loop.clock = clock
    d = loop.start(interval, now)
    facts = [loop.running, loop.interval, loop.starttime]
    clock.pump(steps)
    facts.append([round(c.getTime(), 6) for c in clock.getDelayedCalls()])
    loop.stop()
    return [facts, out, loop.running, d.called, d.result is loop]


def loop_fails(w: Words) -> Any:
    clock = w.task.Clock()
    loop = w.task.LoopingCall(raiser(KeyError("k")))
    loop.clock = clock
    return [seen(loop.start(1)), loop.running, clock.getDelayedCalls()]


def loop_waits(w: Words) -> Any:
    clock, inner = w.task.Clock(), w.defer.Deferred()
    loop = w.task.LoopingCall(lambda: inner)
    loop.clock = clock
    d = loop.start(1)
    clock.advance(3.25)
    before = [len(clock.getDelayedCalls()), loop.running]
    inner.callback(None)
    after = [c.getTime() for c in clock.getDelayedCalls()]
    loop.stop()
    return [before, after, d.called]


def loop_stopped_while_waiting(w: Words) -> Any:
    clock, inner = w.task.Clock(), w.defer.Deferred()
    loop = w.task.LoopingCall(lambda: inner)
    loop.clock = clock
    d = loop.start(1)
    loop.stop()
    before = d.called
    inner.callback(None)
    return [before, d.called, d.result is loop]


def loop_in_itself(w: Words, act: str) -> Any:
    clock = w.task.Clock()
    loop = w.task.LoopingCall(lambda: getattr(loop, act)())
    loop.clock = clock
    d = loop.start(1)
    facts = [d.called, loop.running, len(clock.getDelayedCalls())]
    if loop.running:
        loop.stop()
    return facts


def loop_misused(w: Words) -> Any:
    loop = w.task.LoopingCall(len, "x")
    loop.clock = w.task.Clock()
    out = [w.outcome(loop.stop), w.outcome(loop.reset), w.outcome(loop.start, -1), repr(loop)]
    loop.start(2)
    return [out, w.outcome(loop.start, 1), repr(loop)]


def loop_reset(w: Words) -> Any:
    clock, out = w.task.Clock(), []
    loop = w.task.LoopingCall(lambda: out.append(clock.seconds()))
    loop.clock = clock
    loop.start(2)
    clock.advance(1)
    loop.reset()
    clock.pump([1, 1, 2])
    return out


def counting(w: Words, steps: list[float], now: bool) -> Any:
    clock, counts = w.task.Clock(), []
    loop = w.task.LoopingCall.withCount(counts.append)
    loop.clock = clock
    loop.start(1, now)
    clock.pump(steps)
    return counts


def later(w: Words) -> Any:
    clock, out = w.task.Clock(), []
    for args in ((lambda a, b: (a, b), 1), (None,), (raiser(KeyError("k")),)):
        d = w.task.deferLater(clock, 1, *args, **({"b": 2} if len(args) == 2 else {}))
        clock.advance(1)
        out.append(seen(d))
    d = w.task.deferLater(clock, 1, len)
    d.cancel()
    return [out, seen(d), clock.getDelayedCalls()]


class Turns:
    """A scheduler of cooperators whose turns are taken by hand."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __call__(self, call: Any) -> Any:
        turns = self

        class Call:
            def cancel(self) -> None:
                turns.calls.remove(call)

        self.calls.append(call)
        return Call()

    def take(self, most: int = 100) -> int:
        taken = 0
        while self.calls and taken < most:
            self.calls.pop(0)()
            taken += 1
        return taken


def cooperator(w: Words, **kw: Any) -> tuple[Any, Turns]:
    turns = Turns()
    made = w.task.Cooperator(
        terminationPredicateFactory=lambda: lambda: True, scheduler=turns, **kw
    )
    return made, turns


def steps_of(name: str, count: int, out: list[Any]) -> Any:
    for number in range(count):
        out.append((name, number))
        yield


def fair(w: Words) -> Any:
    one, turns = cooperator(w)
    out: list[Any] = []
    a, b = steps_of("a", 2, out), steps_of("b", 3, out)
    d = one.coiterate(a)
    task = one.cooperate(b)
    e = task.whenDone()
    taken = turns.take()
    state = [d.result is a, e.result is b, task.whenDone().result is b]
    return [
        taken,
        out,
        state,
        [w.outcome(getattr(task, act)) for act in ("pause", "resume", "stop")],
    ]


def task_paused(w: Words) -> Any:
    one, turns = cooperator(w)
    out: list[Any] = []
    task = one.cooperate(steps_of("c", 9, out))
    turns.take(2)
    task.pause()
    before = [len(turns.calls), list(out)]
    task.resume()
    turns.take(2)
    again = w.outcome(task.resume)
    d = task.whenDone()
    task.stop()
    return [before, out, again, seen(d), w.outcome(task.stop), len(turns.calls)]


def task_waits(w: Words) -> Any:
    one, turns = cooperator(w)
    inner, out = w.defer.Deferred(), []

    def work() -> Any:
        yield inner
        out.append("after")

    d = one.coiterate(work())
    turns.take()
    before = [list(out), len(turns.calls)]
    inner.callback(3)
    turns.take()
    return [before, out, d.called]


def task_fails(w: Words) -> Any:
    one, turns = cooperator(w)

    def work(last: Any) -> Any:
        yield 1
        yield last()

    out = []
    for last in (raiser(ValueError("raised")), lambda: w.defer.fail(KeyError("failed"))):
        task = one.cooperate(work(last))
        d = task.whenDone()
        turns.take()
        out.append([seen(d), w.outcome(task.stop), seen(task.whenDone())])
    return out


def stopped(w: Words) -> Any:
    one, turns = cooperator(w)
    d = one.coiterate(steps_of("a", 9, []))
    one.stop()
    after = one.coiterate(steps_of("b", 9, []))
    facts = [seen(d), seen(after), one.running, len(turns.calls)]
    one.start()
    e = one.coiterate(steps_of("c", 2, []))
    turns.take()
    return [facts, one.running, e.called]


def not_started(w: Words) -> Any:
    one, turns = cooperator(w, started=False)
    d = one.coiterate(steps_of("a", 1, []))
    before = [len(turns.calls), one.running]
    one.start()
    turns.take()
    return [before, d.called]


class FakeReactor:
    """As much of a reactor as `react` and the thread functions use."""

    def __init__(self) -> None:
        self.triggers: list[Any] = []
        self.hooks: list[Any] = []
        self.stops = 0

    def addSystemEventTrigger(self, phase: str, event: str, call: Any, *a: Any, **k: Any) -> None:
        self.triggers.append(lambda: call(*a, **k))

    def callWhenRunning(self, call: Any, *a: Any) -> None:
        self.hooks.append(lambda: call(*a))

    def run(self, **_: Any) -> None:
        while self.hooks:
            self.hooks.pop(0)()

    def stop(self) -> None:
        self.stops += 1
        for trigger in self.triggers:
            trigger()

    def callFromThread(self, call: Any, *a: Any) -> None:
        call(*a)


def reacting(w: Words, main: Any) -> Any:
    out = []
    try:
        w.task.react(main, ["arg"], _reactor=FakeReactor())
    except SystemExit as error:
        out.append(["exit", error.code])
    except Exception as error:
        out.append(["raised", type(error).__name__])
    return out


def in_pool(w: Words) -> Any:
    class Pool:
        def callInThreadWithCallback(self, done: Any, f: Any, *a: Any, **k: Any) -> None:
            try:
                done(True, f(*a, **k))
            except Exception:
                done(False, w.failure.Failure())

    reactor = FakeReactor()
    calls = [(lambda a, b: a + b, (1,), {"b": 2}), (raiser(KeyError("k")), (), {})]
    return [seen(w.threads.deferToThreadPool(reactor, Pool(), f, *a, **k)) for f, a, k in calls]


def blocking(w: Words) -> Any:
    out: list[Any] = []

    def ask() -> None:
        for f in (lambda: 1, lambda: w.defer.succeed(2), raiser(KeyError("k"))):
            out.append(w.outcome(w.threads.blockingCallFromThread, FakeReactor(), f))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(5)
    return out


async def returning(reactor: Any, *args: Any) -> int:
    return 3


CASES: dict[str, Body] = {
    "calls at their time": delayed,
    "calls put off": put_off,
    "calls cancelled": cancelled,
    "calls of the same time keep their order": lambda w: (
        lambda clock, out: [
            [clock.callLater(1, out.append, n) for n in range(3)] and clock.advance(1),
            out,
        ]
    )(w.task.Clock(), []),
    "a call may plan another": nested,
    "a call that raises": clock_raises,
    "a loop on time": lambda w: looping(w, [1, 1, 1]),
    "a loop that does not begin at once": lambda w: looping(w, [1, 1], now=False),
    "a late loop leaves times out": lambda w: looping(w, [2.5, 0.5, 3]),
    "a loop in small steps": lambda w: looping(w, [0.03] * 40, 0.1),
    "a loop that fails": loop_fails,
    "a loop that waits": loop_waits,
    "a loop stopped while it waits": loop_stopped_while_waiting,
    "a loop that stops itself": lambda w: loop_in_itself(w, "stop"),
    "a loop that resets itself": lambda w: loop_in_itself(w, "reset"),
    "a loop misused": loop_misused,
    "a loop reset": loop_reset,
    "a counting loop": lambda w: counting(w, [1, 3, 0.5, 0.6], True),
    "a counting loop that does not begin at once": lambda w: counting(w, [2.5, 1], False),
    "deferLater": later,
    "iterators take turns": fair,
    "a task paused and stopped": task_paused,
    "a task that waits": task_waits,
    "tasks that fail": task_fails,
    "a cooperator stopped": stopped,
    "a cooperator not started": not_started,
    "react succeeds": lambda w: reacting(w, lambda r, *a: w.defer.succeed(a)),
    "react fails": lambda w: reacting(w, lambda r, *a: w.defer.fail(ValueError("m"))),
    "react exits": lambda w: reacting(w, lambda r, *a: w.defer.fail(SystemExit(7))),
    "react raises": lambda w: reacting(w, raiser(KeyError("k"))),
    "react with a coroutine": lambda w: reacting(w, returning),
    "a pool of threads": in_pool,
    "calls that block": blocking,
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_as_in_twisted(case: str) -> None:
    """What is planned happens when it happens in Twisted."""
    agree(CASES[case])


STEPS = st.lists(st.integers(1, 40).map(lambda n: n / 8), max_size=12)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sampled_from([0.5, 1.0, 2.5]), st.booleans())
def test_loops_keep_the_same_times(steps: list[float], interval: float, now: bool) -> None:
    """A loop runs at the same times however the clock moves."""
    assert plain(looping(OURS, steps, interval, now)) == plain(
        looping(THEIRS, steps, interval, now)
    )


@settings(max_examples=150, deadline=None)
@given(STEPS, st.booleans())
def test_loops_count_alike(steps: list[float], now: bool) -> None:
    """A counting loop counts the same times however the clock moves."""
    assert counting(OURS, steps, now) == counting(THEIRS, steps, now)


def test_a_tenth_of_a_second_is_not_missed() -> None:
    """A clock that goes on by the interval meets each call, although tenths are not exact."""
    clock, times = OURS.task.Clock(), []
    loop = OURS.task.LoopingCall(lambda: times.append(clock.seconds()))
    loop.clock = clock
    loop.start(0.1)
    for _ in range(1000):
        clock.advance(0.1)
    assert len(times) == 1001


def test_stopping_a_cooperator_tells_every_task() -> None:
    """All tasks fail; Twisted passes over every second one, which is then never over."""
    cooperator = OURS.task.Cooperator(started=False)
    over: list[Any] = []
    for _ in range(4):
        cooperator.coiterate(iter([1])).addErrback(lambda why: over.append(why.type.__name__))
    cooperator.stop()
    assert over == ["SchedulerStopped"] * 4
