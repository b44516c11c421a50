"""Deferreds behave as Twisted's do."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .both import OURS, THEIRS, Body, Words, agree, plain


def raiser(error: BaseException) -> Any:
    """Return a callback that raises."""

    def callback(*_: Any) -> Any:
        raise error

    return callback


def seen(d: Any) -> Any:
    """Return a Deferred's state, and handle its failure."""
    state = plain(d)
    d.addErrback(lambda _: None)
    return state


def fired(w: Words, *steps: Any) -> Any:
    """Return the state of a Deferred that fired with 0 and went through some callbacks."""
    d = w.defer.succeed(0)
    for step in steps:
        d.addCallback(step)
    return seen(d)


def twice(w: Words) -> Any:
    d = w.defer.Deferred()
    d.callback(1)
    return w.outcome(d.callback, 2)


def nested_adds(w: Words) -> Any:
    d, out = w.defer.Deferred(), []

    def first(x: int) -> int:
        d.addCallback(lambda y: out.append(("late", y)) or y)
        out.append(("first", x))
        return x + 1

    d.addCallback(first)
    d.addCallback(lambda x: out.append(("second", x)) or x)
    d.callback(1)
    return [out, d]


def returns_waiting(w: Words) -> Any:
    inner, outer, out = w.defer.Deferred(), w.defer.Deferred(), []
    outer.addCallback(lambda _: inner)
    outer.addCallback(out.append)
    outer.callback(None)
    before = [plain(inner), outer.paused, list(out)]
    inner.callback("late")
    return [before, out, inner, outer]


def returns_failed(w: Words) -> Any:
    d = w.defer.succeed(1).addCallback(lambda _: w.defer.fail(KeyError("k")))
    return seen(d)


def inner_keeps_nothing(w: Words) -> Any:
    inner = w.defer.succeed(5)
    outer = w.defer.succeed(1).addCallback(lambda _: inner)
    return [inner, outer]


def inner_has_more(w: Words) -> Any:
    inner, out = w.defer.Deferred(), []
    outer = w.defer.succeed(1).addCallback(lambda _: inner)
    outer.addCallback(lambda x: out.append(("outer", x)) or x)
    inner.addCallback(lambda x: out.append(("inner after", x)) or "end")
    inner.callback("v")
    return [out, inner, outer]


def pausing(w: Words) -> Any:
    d, out = w.defer.Deferred(), []
    d.pause()
    d.pause()
    d.addCallback(out.append)
    d.callback(1)
    d.unpause()
    before = list(out)
    d.unpause()
    return [before, out]


def pause_in_callback(w: Words) -> Any:
    d, out = w.defer.Deferred(), []
    d.addCallback(lambda x: d.pause() or x)
    d.addCallback(lambda x: out.append(x) or x)
    d.callback(1)
    before = list(out)
    d.addCallback(lambda x: out.append("added") or x)
    d.unpause()
    return [before, out, d]


def cancel_plain(w: Words) -> Any:
    d = w.defer.Deferred()
    d.cancel()
    state = seen(d)
    d.callback("swallowed")
    return [state, w.outcome(d.callback, "not")]


def canceller_fires(w: Words) -> Any:
    d = w.defer.Deferred(lambda one: one.callback("mine"))
    d.cancel()
    return d


def canceller_idle(w: Words) -> Any:
    d = w.defer.Deferred(lambda _: None)
    d.cancel()
    return [seen(d), w.outcome(d.callback, 1)]


def cancel_waiting(w: Words) -> Any:
    inner = w.defer.Deferred()
    d = w.defer.succeed(1).addCallback(lambda _: inner)
    d.cancel()
    return [seen(d), inner]


def cancel_fired(w: Words) -> Any:
    d = w.defer.succeed(1)
    d.cancel()
    return d


def cancel_twice(w: Words) -> Any:
    calls: list[int] = []
    d = w.defer.Deferred(lambda _: calls.append(1))
    d.cancel()
    d.cancel()
    return [calls, seen(d)]


def timeout_over(w: Words) -> Any:
    clock, d = w.task.Clock(), w.defer.Deferred()
    d.addTimeout(5, clock)
    clock.advance(4)
    before = plain(d)
    clock.advance(1)
    return [before, seen(d)]


def timeout_in_time(w: Words) -> Any:
    clock, d = w.task.Clock(), w.defer.Deferred()
    d.addTimeout(5, clock)
    d.callback(3)
    return [d, len(clock.getDelayedCalls())]


def timeout_convert(w: Words) -> Any:
    clock, d = w.task.Clock(), w.defer.Deferred()
    d.addTimeout(5, clock, lambda value, period: ("late", value, period))
    clock.advance(5)
    return d


def timeout_other_failure(w: Words) -> Any:
    clock, d = w.task.Clock(), w.defer.Deferred(lambda one: one.errback(KeyError("own")))
    d.addTimeout(5, clock)
    clock.advance(5)
    return seen(d)


def listing(w: Words, **kw: Any) -> Any:
    ds = [w.defer.succeed(1), w.defer.fail(KeyError("k")), w.defer.succeed(3)]
    dl = w.defer.DeferredList(ds, **kw)
    state = seen(dl)
    for d in ds:
        d.addErrback(lambda _: None)
    return [state, dl.resultList and len(dl.resultList)]


def list_open(w: Words) -> Any:
    dl = w.defer.DeferredList([w.defer.succeed(1), w.defer.Deferred()])
    return [dl, dl.resultList]


def list_cancel(w: Words) -> Any:
    a, b = w.defer.Deferred(), w.defer.succeed(2)
    dl = w.defer.DeferredList([a, b], consumeErrors=True)
    dl.cancel()
    return [dl, a, b]


def gather_cancel(w: Words) -> Any:
    ds = [w.defer.Deferred(), w.defer.Deferred()]
    d = w.defer.gatherResults(ds, consumeErrors=True)
    d.cancel()
    return [seen(d), ds]


def first_error(w: Words) -> Any:
    out: list[Any] = []
    d = w.defer.gatherResults([w.defer.succeed(0), w.defer.fail(KeyError("k"))], consumeErrors=True)
    d.addErrback(
        lambda f: out.append((f.value.index, str(f.value.subFailure.value), repr(f.value)))
    )
    return out


def race_won(w: Words) -> Any:
    slow = w.defer.Deferred()
    d = w.defer.race([slow, w.defer.succeed("fast")])
    return [d, seen(slow)]


def race_lost(w: Words) -> Any:
    d = w.defer.race([w.defer.fail(ValueError(1)), w.defer.fail(KeyError(2))])
    state: list[Any] = []
    d.addErrback(lambda f: state.append([plain(one) for one in f.value.failures]))
    return state


def race_cancelled(w: Words) -> Any:
    ds = [w.defer.Deferred(), w.defer.Deferred()]
    d = w.defer.race(ds)
    d.cancel()
    return [seen(d), ds]


def inline_chain(w: Words) -> Any:
    @w.defer.inlineCallbacks
    def work() -> Any:
        x = yield w.defer.succeed(1)
        y = yield 4
        try:
            yield w.defer.fail(ValueError("v"))
        except ValueError as error:
            return [x, y, str(error)]

    return work()


def inline_waits(w: Words) -> Any:
    d = w.defer.Deferred()

    @w.defer.inlineCallbacks
    def work() -> Any:
        x = yield d
        return x * 2

    result = work()
    before = plain(result)
    d.callback(21)
    return [before, result, d]


def inline_raises(w: Words) -> Any:
    @w.defer.inlineCallbacks
    def work() -> Any:
        yield 1
        raise KeyError("k")

    return seen(work())


def inline_cancel(w: Words, catch: bool) -> Any:
    inner = w.defer.Deferred()

    @w.defer.inlineCallbacks
    def work() -> Any:
        try:
            yield inner
        except w.defer.CancelledError:
            if not catch:
                raise
            return "caught"

    d = work()
    d.cancel()
    return [seen(d), inner]


def inline_wrong(w: Words) -> Any:
    @w.defer.inlineCallbacks
    def work() -> Any:
        return 3

    return w.outcome(work)[:2]


def inline_exit(w: Words) -> Any:
    @w.defer.inlineCallbacks
    def work() -> Any:
        yield 1
        raise SystemExit(2)

    return seen(work())


def inline_context(w: Words) -> Any:
    var: contextvars.ContextVar[int] = contextvars.ContextVar("var", default=0)
    out, d = [], w.defer.Deferred()

    @w.defer.inlineCallbacks
    def work() -> Any:
        var.set(5)
        yield d
        out.append(var.get())

    work()
    contextvars.copy_context().run(lambda: (var.set(8), d.callback(1)))
    return [out, var.get()]


def return_value(w: Words) -> Any:
    @w.defer.inlineCallbacks
    def work() -> Any:
        yield 1
        w.defer.returnValue(9)

    return work()


async def awaiting(d: Any, out: list[Any], name: str) -> None:
    try:
        out.append((name, await d))
    except Exception as error:
        out.append((name, repr(error)))


def await_shared(w: Words, fire_first: bool, fails: bool) -> Any:
    out: list[Any] = []
    d = w.defer.Deferred()
    fire = (lambda: d.errback(ValueError(3))) if fails else (lambda: d.callback(5))
    if fire_first:
        fire()
    for name in "ab":
        w.defer.ensureDeferred(awaiting(d, out, name))
    if not fire_first:
        fire()
    return [out, seen(d)]


def coroutine_returns(w: Words) -> Any:
    async def work() -> int:
        return await w.defer.succeed(2) + 1

    return [w.defer.ensureDeferred(work()), w.defer.Deferred.fromCoroutine(work())]


def coroutine_cancel(w: Words) -> Any:
    inner = w.defer.Deferred()

    async def work() -> Any:
        return await inner

    d = w.defer.ensureDeferred(work())
    d.cancel()
    return [seen(d), inner]


def maybe(w: Words) -> Any:
    async def work() -> int:
        return 5

    failure = w.failure.Failure(KeyError("k"))
    calls = [lambda: 1, raiser(ValueError("v")), work, lambda: failure, lambda: w.defer.succeed(2)]
    return [seen(w.defer.maybeDeferred(call)) for call in calls]


def lock(w: Words) -> Any:
    one = w.defer.DeferredLock()
    first, second, third = one.acquire(), one.acquire(), one.acquire()
    second.cancel()
    states = [first.called, plain(seen(second))[:2], third.called, one.locked, len(one.waiting)]
    one.release()
    states += [third.called, one.locked]
    one.release()
    return [states, one.locked, w.outcome(one.release)]


def lock_run(w: Words) -> Any:
    one, out, inner = w.defer.DeferredLock(), [], w.defer.Deferred()
    a = one.run(lambda x: out.append(x) or inner, "a")
    b = one.run(raiser(KeyError("b")))
    before = [list(out), a.called, b.called, one.locked]
    inner.callback("end")
    return [before, a, seen(b), one.locked]


def lock_with(w: Words) -> Any:
    one, out = w.defer.DeferredLock(), []

    async def work(name: str) -> None:
        async with one:
            out.append((name, one.locked))

    for name in "ab":
        w.defer.ensureDeferred(work(name))
    return [out, one.locked]


def semaphore(w: Words) -> Any:
    one = w.defer.DeferredSemaphore(2)
    ds = [one.acquire() for _ in range(3)]
    states = [[d.called for d in ds], one.tokens, one.limit, len(one.waiting)]
    one.release()
    states.append([d.called for d in ds])
    one.release()
    one.release()
    return [states, one.tokens, w.outcome(one.release), w.outcome(w.defer.DeferredSemaphore, 0)]


def queue(w: Words) -> Any:
    one = w.defer.DeferredQueue(size=2, backlog=1)
    one.put(1)
    one.put(2)
    full = w.outcome(one.put, 3)
    got = [one.get(), one.get(), one.get()]
    many = w.outcome(one.get)
    one.put("late")
    return [full, got, many, one.pending, len(one.waiting)]


def queue_cancel(w: Words) -> Any:
    one = w.defer.DeferredQueue()
    d = one.get()
    d.cancel()
    one.put(1)
    return [seen(d), one.pending]


def chain(w: Words, fails: bool) -> Any:
    a, b = w.defer.Deferred(), w.defer.Deferred()
    same = a.chainDeferred(b) is a
    (a.errback(KeyError("k")) if fails else a.callback(1))
    return [same, a, seen(b)]


def unhandled(w: Words, make: Any) -> Any:
    events: list[Any] = []
    publisher = w.logger.globalLogPublisher
    gc.collect()  # what tests before this one left in cycles is not ours to report
    publisher.addObserver(events.append)
    try:
        make()
        gc.collect()
    finally:
        publisher.removeObserver(events.append)
    return [
        [e["log_level"].name, e["log_namespace"], e["log_format"], plain(e.get("log_failure"))]
        for e in events
    ]


def handled_late(w: Words) -> Any:
    def make() -> None:
        d = w.defer.fail(ValueError("v"))
        d.addErrback(lambda _: None)

    return unhandled(w, make)


def dead_in_chain(w: Words) -> Any:
    def make() -> None:
        w.defer.succeed(1).addCallback(lambda _: w.defer.fail(ValueError("inner")))

    return unhandled(w, make)


def debugging(w: Words) -> Any:
    w.defer.setDebugging(True)
    try:
        d = w.defer.Deferred()
        d.callback(1)
        kind, name, text = w.outcome(d.callback, 2)
        # The frames are those of each one's own code; the headings are the same.
        headings = [line for line in text.split("\n") if line.endswith(":")]
        return [kind, name, headings, w.defer.getDebugging()]
    finally:
        w.defer.setDebugging(False)


def futures(w: Words) -> Any:
    out: list[Any] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        out.append(await w.defer.succeed(3).asFuture(loop))
        try:
            await w.defer.fail(ValueError(3)).asFuture(loop)
        except ValueError as error:
            out.append(repr(error))
        d = w.defer.Deferred()
        future = d.asFuture(loop)
        future.cancel()
        await asyncio.sleep(0)
        out.append([seen(d), future.cancelled()])
        for act in ("set_result", "set_exception", "cancel"):
            future = loop.create_future()
            d = w.defer.Deferred.fromFuture(future)
            getattr(future, act)(
                *{"set_result": (8,), "set_exception": (KeyError(8),)}.get(act, ())
            )
            await asyncio.sleep(0)
            out.append(seen(d))
        future = loop.create_future()
        d = w.defer.Deferred.fromFuture(future)
        d.cancel()
        await asyncio.sleep(0)
        out.append([seen(d), future.cancelled()])

    asyncio.run(main())
    return out


def shown(w: Words) -> Any:
    inner = w.defer.Deferred()
    waiting = w.defer.succeed(1).addCallback(lambda _: inner)
    return [repr(w.defer.Deferred()), repr(w.defer.succeed("x")), repr(waiting)]


def goes_on_after_cancellation(w: Words, asynchronous: bool, times: int) -> Any:
    """Cancel a coroutine that cleans up, or catches the cancellation, and waits once more."""
    steps: list[Any] = []
    last = w.defer.Deferred()

    def generator() -> Any:
        for _ in range(times):
            try:
                yield w.defer.Deferred()
            except w.defer.CancelledError:
                steps.append("cancelled")
        return (yield last)

    async def coroutine() -> Any:
        for _ in range(times):
            try:
                await w.defer.Deferred()
            except w.defer.CancelledError:
                steps.append("cancelled")
        return await last

    if asynchronous:
        done = w.defer.ensureDeferred(coroutine())
    else:
        done = w.defer.inlineCallbacks(generator)()
    done.addBoth(lambda result: steps.append(plain(result)) or "seen")
    for _ in range(times):
        done.cancel()
        steps.append(plain(done))
    last.callback("the end")
    return [steps, done]


def yields_coroutines(w: Words) -> Any:
    """Yield coroutines and generators to inlineCallbacks."""
    inner = w.defer.Deferred()

    async def coroutine(result: Any) -> Any:
        return result, await inner

    def generator() -> Any:
        return [(yield w.defer.succeed(1)), (yield coroutine("in a generator"))]

    async def fails() -> None:
        raise KeyError("k")

    @w.defer.inlineCallbacks
    def outer() -> Any:
        first = yield coroutine("directly")
        second = yield generator()
        try:
            yield fails()
        except KeyError as error:
            return [first, second, str(error)]

    done = outer()
    before = plain(done)
    inner.callback("inner")
    return [before, done]


CASES: dict[str, Body] = {
    "a value goes through callbacks": lambda w: fired(w, lambda x: x + 1, str),
    "an exception becomes a failure": lambda w: fired(w, raiser(ValueError("v"))),
    "callbacks are left out after a failure": lambda w: fired(w, raiser(KeyError(1)), str),
    "SystemExit becomes a failure": lambda w: fired(w, raiser(SystemExit(3))),
    "KeyboardInterrupt becomes a failure": lambda w: fired(w, raiser(KeyboardInterrupt())),
    "what cannot be called becomes a failure": lambda w: fired(w, 3),
    "a returned failure starts the errbacks": lambda w: fired(
        w, lambda _: w.failure.Failure(KeyError("k"))
    ),
    "a second result is refused": twice,
    "callback with a failure is errback": lambda w: seen(
        w.defer.succeed(w.failure.Failure(KeyError(1)))
    ),
    "errback takes an exception": lambda w: seen(w.defer.fail(KeyError("k"))),
    "errback without one needs a current exception": lambda w: w.outcome(
        w.defer.Deferred().errback
    ),
    "addCallbacks runs one of two": lambda w: [
        w.defer.succeed(1).addCallbacks(lambda x: ("cb", x), lambda f: "eb"),
        w.defer.fail(KeyError(1)).addCallbacks(lambda x: ("cb", x), lambda f: "eb"),
    ],
    "addCallbacks hands arguments on": lambda w: w.defer.succeed(1).addCallbacks(
        lambda *a, **k: [a, k], None, callbackArgs=(2,), callbackKeywords={"x": 3}
    ),
    "addBoth runs either way": lambda w: [
        w.defer.succeed(1).addBoth(lambda x: type(x).__name__),
        w.defer.fail(KeyError(1)).addBoth(lambda x: type(x).__name__),
    ],
    "arguments of addCallback": lambda w: w.defer.succeed(1).addCallback(
        lambda *a, **k: [a, k], 2, x=3
    ),
    "a callback may add callbacks": nested_adds,
    "a callback may return a Deferred that waits": returns_waiting,
    "a callback may return a Deferred that failed": returns_failed,
    "a Deferred that was returned keeps no result": inner_keeps_nothing,
    "callbacks added to a Deferred that was returned": inner_has_more,
    "pause counts": pausing,
    "pause inside a callback": pause_in_callback,
    "cancel without a canceller": cancel_plain,
    "a canceller may fire": canceller_fires,
    "a canceller may do nothing": canceller_idle,
    "cancel reaches the Deferred waited for": cancel_waiting,
    "cancel after the result does nothing": cancel_fired,
    "cancel twice": cancel_twice,
    "a time-out fails with TimeoutError": timeout_over,
    "a result in time ends the time-out": timeout_in_time,
    "a time-out may be converted": timeout_convert,
    "a canceller's own failure passes the time-out": timeout_other_failure,
    "DeferredList": lambda w: listing(w, consumeErrors=True),
    "DeferredList leaves errors": lambda w: listing(w),
    "DeferredList with fireOnOneCallback": lambda w: listing(w, fireOnOneCallback=True),
    "DeferredList with fireOnOneErrback": lambda w: listing(w, fireOnOneErrback=True),
    "DeferredList of nothing": lambda w: [
        w.defer.DeferredList([]),
        w.defer.DeferredList([], fireOnOneCallback=True),
    ],
    "DeferredList that waits": list_open,
    "DeferredList cancelled": list_cancel,
    "gatherResults": lambda w: w.defer.gatherResults([w.defer.succeed(n) for n in range(3)]),
    "gatherResults cancelled": gather_cancel,
    "gatherResults fails with the first error": first_error,
    "race won": race_won,
    "race lost": race_lost,
    "race cancelled": race_cancelled,
    "inlineCallbacks goes through yields": inline_chain,
    "inlineCallbacks waits": inline_waits,
    "inlineCallbacks raises": inline_raises,
    "inlineCallbacks cancelled": lambda w: inline_cancel(w, False),
    "inlineCallbacks catches its cancellation": lambda w: inline_cancel(w, True),
    "inlineCallbacks needs a generator": inline_wrong,
    "inlineCallbacks and SystemExit": inline_exit,
    "inlineCallbacks keeps its context": inline_context,
    "returnValue": return_value,
    "awaiting one Deferred twice, before it fires": lambda w: await_shared(w, False, False),
    "awaiting one Deferred twice, after it fired": lambda w: await_shared(w, True, False),
    "awaiting a failure twice, before it fires": lambda w: await_shared(w, False, True),
    "awaiting a failure twice, after it fired": lambda w: await_shared(w, True, True),
    "a generator goes on after its cancellation": lambda w: goes_on_after_cancellation(w, False, 1),
    "a coroutine goes on after its cancellation": lambda w: goes_on_after_cancellation(w, True, 1),
    "a coroutine goes on after two cancellations": lambda w: goes_on_after_cancellation(w, True, 2),
    "coroutines and generators are yielded": yields_coroutines,
    "coroutines return": coroutine_returns,
    "coroutines are cancelled": coroutine_cancel,
    "what is no coroutine": lambda w: [
        w.outcome(w.defer.ensureDeferred, 3),
        w.outcome(w.defer.Deferred.fromCoroutine, 3),
    ],
    "maybeDeferred": maybe,
    "execute": lambda w: [
        w.defer.execute(lambda x: x, 3),
        seen(w.defer.execute(raiser(KeyError(1)))),
    ],
    "a lock": lock,
    "a lock around functions": lock_run,
    "a lock in a with statement": lock_with,
    "a semaphore": semaphore,
    "a queue": queue,
    "a queue's get cancelled": queue_cancel,
    "chainDeferred": lambda w: chain(w, False),
    "chainDeferred of a failure": lambda w: chain(w, True),
    "an unhandled failure is logged": lambda w: unhandled(w, lambda: w.defer.fail(ValueError("v"))),
    "a handled failure is not logged": handled_late,
    "an unhandled failure of an inner Deferred is logged once": dead_in_chain,
    "debugging tells where": debugging,
    "futures to and from": futures,
    "how Deferreds look": shown,
    "logError": lambda w: unhandled(
        w, lambda: w.defer.logError(w.failure.Failure(ValueError("seen")))
    ),
    "the old timeout function": lambda w: seen(
        (lambda d: (w.defer.timeout(d), d)[1])(w.defer.Deferred())
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_as_in_twisted(case: str) -> None:
    """What is done with Deferreds ends as it does in Twisted."""
    agree(CASES[case])


# A random program over a handful of Deferreds: each step is a verb, a Deferred and another one.
VERBS = [
    "add one",
    "raise",
    "catch",
    "both",
    "return other",
    "fire",
    "fail",
    "cancel",
    "pause",
    "unpause",
    "chain",
    "return failure",
]
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(VERBS), st.integers(0, 3), st.integers(0, 3)), max_size=25
)


def run_program(w: Words, program: list[tuple[str, int, int]]) -> Any:
    """Run a program; return what was called with what, and the final states."""
    out: list[Any] = []
    paused = [0] * 4
    ds = [w.defer.Deferred() for _ in range(4)]
    for number, (verb, one, two) in enumerate(program):
        d, other = ds[one], ds[two]

        def note(x: Any, number: int = number, ret: Any = None) -> Any:
            out.append((number, plain(x) if not isinstance(x, type(ds[0])) else "a Deferred"))
            return x if ret is None else ret

        def fall(x: Any, number: int = number) -> Any:
            out.append((number, "raises"))
            raise KeyError(number)

        # Returning a Deferred to its own chain, or one that waits for it, is not defined.
        if verb == "return other" and two > one:
            d.addCallback(lambda x, note=note, other=other: note(x, ret=other))
        elif verb == "add one":
            d.addCallback(note)
        elif verb == "raise":
            d.addCallback(fall)
        elif verb == "catch":
            d.addErrback(note, ret=f"caught {number}")
        elif verb == "both":
            d.addBoth(note)
        elif verb == "return failure":
            d.addCallback(lambda x, note=note: note(x, ret=w.failure.Failure(ValueError("made"))))
        elif verb == "chain" and two > one:
            d.chainDeferred(other)
        elif verb in ("fire", "fail"):
            act = d.callback if verb == "fire" else d.errback
            out.append(w.outcome(act, number if verb == "fire" else ValueError(number)))
        elif verb == "cancel":
            d.cancel()
        elif verb == "pause":
            # One that waits for another and is paused beside that holds up the other's callbacks
            # in Twisted, until somebody adds one more there; ours run.
            if not isinstance(getattr(d, "result", None), type(d)):
                paused[one] += 1
                d.pause()
        elif verb == "unpause" and paused[one]:
            paused[one] -= 1
            d.unpause()
    ends = []
    for d in ds:
        waits = d.called and isinstance(d.result, type(d))
        ends.append([d.called, d.paused, "waits" if waits else plain(getattr(d, "result", "none"))])
        d.addErrback(lambda _: None)
    return [out, ends]


@settings(max_examples=250, deadline=None)
@given(PROGRAMS)
def test_random_programs_end_alike(program: list[tuple[str, int, int]]) -> None:
    """Any program of chains, failures, pauses and cancellations does the same in both."""
    assert run_program(OURS, program) == run_program(THEIRS, program)


def test_a_chain_of_a_hundred_thousand_needs_no_recursion() -> None:
    """Deferreds that wait for one another in a long row fire without deep recursion."""
    first = last = OURS.defer.Deferred()
    for _ in range(100_000):
        outer = OURS.defer.Deferred()
        outer.addCallback(lambda _, inner=last: inner)
        outer.callback(None)
        last = outer
    first.callback("through")
    assert last.result == "through"


def test_a_long_coroutine_needs_no_recursion() -> None:
    """A coroutine may await a hundred thousand Deferreds that have fired."""

    async def work() -> int:
        total = 0
        for _ in range(100_000):
            total += await OURS.defer.succeed(1)
        return total

    assert OURS.defer.ensureDeferred(work()).result == 100_000
