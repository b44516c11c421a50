"""
The pytest plugin: runs `async def` tests, on virtual time unless they ask for another loop.

In `strict` mode (the default) it runs async tests that carry the marker; in `auto` mode
(`plait_mode = "auto"` in the pytest settings) it runs all of them:

    @pytest.mark.plait
    async def test_hour(virtual_loop):
        await asyncio.sleep(3600)
        assert virtual_loop.time() == 3600

The marker's arguments: `loops`, the name or names of loops to run on, one test each, or the name of
a group; `limit`, how long the test may take in seconds of real time; `leaks=True`, to let it leave
tasks behind. Loops are `virtual`, `virtual-eager`, `asyncio`, `asyncio-eager`, `uvloop`; groups are
`simulated` (the first two), `real` (the others) and `every`. Where Python has no eager tasks, or
uvloop is not installed, those are left out.

A test fails when it leaves a task pending or when the loop was told of an error that nobody took
care of.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import pytest

from ._loop import HAS_EAGER_TASKS, VirtualTimeLoop
from ._report import describe_tasks
from ._spy import EventSpy

__all__ = ["loop_errors", "plait_loop", "spy", "virtual_loop"]

_LIMIT = 30.0
"""How long an async test may take, in seconds of real time, unless its marker says otherwise."""

_SIMULATED = ("virtual", "virtual-eager")
_REAL = ("asyncio", "asyncio-eager", "uvloop")
_GROUPS = {"simulated": _SIMULATED, "real": _REAL, "every": _SIMULATED + _REAL}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the two settings."""
    parser.addini(
        "plait_mode", "which async tests to run: strict (marked ones) or auto", default="strict"
    )
    parser.addini("plait_loops", "loops of tests that name none", type="args", default=["virtual"])


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers",
        "plait(loops=..., limit=30.0, leaks=False): run this async test on plait's loops "
        "(virtual, virtual-eager, asyncio, asyncio-eager, uvloop; simulated, real, every)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> None:
    """Give each async test that is ours the loop fixture."""
    if not (inspect.iscoroutinefunction(obj) and collector.istestfunction(obj, name)):
        return
    if collector.config.getini("plait_mode") == "auto" or _marked(collector, obj):
        pytest.mark.usefixtures("plait_loop")(obj)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each loop that it names and that is there."""
    if "plait_loop" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("plait")
    names = (marker.kwargs.get("loops") if marker else None) or metafunc.config.getini(
        "plait_loops"
    )
    chosen = _available(_expand(names))
    if chosen != ["virtual"]:
        metafunc.parametrize("plait_loop", chosen, indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run one async test on its loop."""
    trial = pyfuncitem.stash.get(_trial_key, None)
    if trial is None or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: value for name, value in pyfuncitem.funcargs.items() if name in names}
    trial.run(pyfuncitem.obj(**arguments))
    return True


class _Trial:
    """One test's loop, and what may not be left over on it."""

    def __init__(self, runner: asyncio.Runner, limit: float, leaks: bool) -> None:
        self.runner = runner
        self.limit = limit
        self.leaks = leaks
        self.errors: list[dict[str, Any]] = []
        self.left: set[asyncio.Task[Any]] = set()
        runner.get_loop().set_exception_handler(lambda _, context: self.errors.append(context))

    def run(self, test: Coroutine[Any, Any, None]) -> None:
        self.runner.run(self._guard(test))

    async def _guard(self, test: Coroutine[Any, Any, None]) -> None:
        loop = asyncio.get_running_loop()
        # A virtual loop has a limit of its own, in real time; the timer of this one would be
        # virtual.
        async with asyncio.timeout(None if isinstance(loop, VirtualTimeLoop) else self.limit):
            await test
        me = asyncio.current_task(loop)
        if isinstance(loop, VirtualTimeLoop):
            await loop.settle()
        elif others := asyncio.all_tasks(loop) - {me}:
            await asyncio.wait(others, timeout=1.0)
        # Held until the loop is closed, lest one be collected before it is cancelled.
        self.left = asyncio.all_tasks(loop) - {me}
        if self.left and not self.leaks:
            listing = "\n".join(f"  {line}" for line in describe_tasks(loop, me))
            raise AssertionError(f"The test left {len(self.left)} task(s) pending:\n{listing}")

    def check(self) -> None:
        # Young garbage holds the exceptions of tasks that nobody awaited; a full collection would
        # be slow.
        gc.collect(1)
        if self.errors:
            listing = "\n".join(f"  {_tell(context)}" for context in self.errors)
            pytest.fail(f"The loop was told of {len(self.errors)} error(s):\n{listing}")


_trial_key = pytest.StashKey[_Trial]()


@pytest.fixture
def plait_loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    """Return the loop of this test; it is closed afterwards, with all that is left on it."""
    marker = request.node.get_closest_marker("plait")
    options = marker.kwargs if marker else {}
    limit = float(options.get("limit", _LIMIT))
    name = getattr(request, "param", "virtual")
    with asyncio.Runner(loop_factory=_factory(name, limit)) as runner:
        trial = _Trial(runner, limit, bool(options.get("leaks", False)))
        request.node.stash[_trial_key] = trial
        yield runner.get_loop()
    trial.check()


@pytest.fixture
def virtual_loop(plait_loop: asyncio.AbstractEventLoop) -> VirtualTimeLoop:
    """Return the loop of this test, whose time is virtual."""
    if not isinstance(plait_loop, VirtualTimeLoop):
        pytest.fail(f"virtual_loop was asked for, but the test runs on {type(plait_loop).__name__}")
    return plait_loop


@pytest.fixture
def loop_errors(
    request: pytest.FixtureRequest, plait_loop: asyncio.AbstractEventLoop
) -> list[dict[str, Any]]:
    """Return what the loop's exception handler is told; a test that expects errors clears it."""
    trial: _Trial = request.node.stash[_trial_key]
    return trial.errors


@pytest.fixture
def spy() -> EventSpy:
    """Return a fresh `EventSpy`."""
    return EventSpy()


def _marked(collector: pytest.Module | pytest.Class, obj: object) -> bool:
    own = [mark.name for mark in getattr(obj, "pytestmark", [])]
    return "plait" in own or collector.get_closest_marker("plait") is not None


def _expand(names: str | Iterable[str]) -> list[str]:
    listed = [names] if isinstance(names, str) else list(names)
    expanded = [name for item in listed for name in _GROUPS.get(item, (item,))]
    known = _SIMULATED + _REAL
    for name in expanded:
        if name not in known:
            choices = ", ".join((*known, *_GROUPS))
            raise pytest.UsageError(f"There is no loop {name!r} for tests; choose from {choices}.")
    return expanded


def _available(names: list[str]) -> list[str]:
    has_uvloop = find_spec("uvloop") is not None
    return [
        name
        for name in names
        if (HAS_EAGER_TASKS or not name.endswith("-eager")) and (has_uvloop or name != "uvloop")
    ]


def _factory(name: str, limit: float) -> Callable[[], asyncio.AbstractEventLoop]:
    if name in _SIMULATED:
        return partial(VirtualTimeLoop, eager=name.endswith("-eager"), limit=limit)
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop
    return _eager_loop if name.endswith("-eager") else asyncio.new_event_loop


def _eager_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    if sys.version_info >= (3, 12):
        loop.set_task_factory(asyncio.eager_task_factory)
    return loop


def _tell(context: dict[str, Any]) -> str:
    error = context.get("exception")
    return f"{context.get('message')}: {error!r}" if error else str(context.get("message"))
