"""A command or a function on a schedule."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plait.core import Application, State
from plait.core._timer import _between
from plait.errors import UsageError
from plait.services.cron import Cron
from plait.testing import EventSpy, VirtualTimeLoop
from tests.net.harness import running, until


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a module of functions to be called."""
    (tmp_path / "cron_jobs.py").write_text(
        "import threading\nseen = []\n"
        "def plain():\n    seen.append(threading.current_thread().name)\n"
        "async def asynchronous():\n    seen.append(1)\n"
        "async def broken():\n    seen.append(1)\n    raise RuntimeError('broken')\n"
        "number = 3\n"
    )
    (tmp_path / "cron_exit.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("cron_jobs")
    sys.modules.pop("cron_jobs")


async def test_a_function_is_called_on_the_grid(virtual_loop: VirtualTimeLoop, jobs: Any) -> None:
    """A coroutine function is called at every tick."""
    async with running(cron := Cron(call="cron_jobs:asynchronous", every=10)):
        await asyncio.sleep(35)
    assert len(jobs.seen) == cron.runs == 3


async def test_a_schedule_of_five_fields(virtual_loop: VirtualTimeLoop, jobs: Any) -> None:
    """A schedule in cron's words is kept in local time."""
    async with running(Cron(call="cron_jobs:asynchronous", schedule="*/5 * * * *")):
        await asyncio.sleep(900)
    assert len(jobs.seen) == 3


async def test_a_failed_call_is_reported_or_fails(virtual_loop: VirtualTimeLoop, jobs: Any) -> None:
    """By default it goes on after an error; with `on_error="fail"` that is the service's."""
    async with running(Cron(call="cron_jobs:broken", every=10)) as seen:
        await asyncio.sleep(25)
        assert len(seen.named("TimerFailed")) == 2
    app = Application("app")
    app.add(Cron(call="cron_jobs:broken", every=10, on_error="fail"))
    await app.startup()
    await app.ended()
    assert isinstance(app.failure, RuntimeError)
    await app.shutdown()


@pytest.mark.process
@pytest.mark.plait(loops=["real"])
async def test_a_plain_function_is_called_in_a_thread(jobs: Any) -> None:
    """What would block the loop does not."""
    async with running(Cron(call="cron_jobs:plain", every=60, immediately=True)):
        await until(lambda: jobs.seen)
    assert jobs.seen != ["MainThread"]


@pytest.mark.process
@pytest.mark.plait(loops=["real"])
async def test_a_command_is_run_and_its_failure_reported(tmp_path: Path) -> None:
    """Each run is a process of its own; one that fails is reported and the next one comes."""
    file = tmp_path / "runs"
    script = f"echo run >> {file}; exit 3"
    async with running(cron := Cron(["sh", "-c", script], every=0.05)) as seen:
        await until(lambda: len(seen.named("TimerFailed")) >= 2)
        assert cron.state is State.RUNNING
    assert file.read_text().startswith("run\nrun\n")
    assert "sh ended with status 3" in str(seen.named("TimerFailed")[0])


@pytest.mark.process
@pytest.mark.plait(loops=["real"])
async def test_a_run_that_takes_too_long_is_ended() -> None:
    """After `timeout` seconds the command is ended with all it has started."""
    seen = EventSpy()
    app = Application("app")
    app.observe(seen)
    app.add(Cron("sleep 60", every=60, immediately=True, timeout=0.2))
    async with app:
        await until(lambda: seen.named("TimerFailed"))
    assert "not ready within 0.2 s" in str(seen.named("TimerFailed")[0])


@pytest.mark.process
@pytest.mark.plait(loops=["real"])
async def test_a_run_under_way_is_ended_at_the_stop() -> None:
    """A command that is under way does not hold the stop."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with running(cron := Cron("sleep 60", every=60, immediately=True)) as seen:
        await until(lambda: cron.runs == 1)
        await asyncio.sleep(0.1)
    assert not seen.named("TimerFailed")
    assert loop.time() - began < 10


def _field(least: int, most: int) -> st.SearchStrategy[str]:
    """Return one field of a schedule in all its shapes."""
    number = st.integers(least, most)
    # Two different ends: croniter takes 0-0 for every day.
    ends = st.lists(number, min_size=2, max_size=2, unique=True).map(sorted)
    span = ends.map(lambda two: f"{two[0]}-{two[1]}")
    step = st.integers(1, max(2, most // 2))
    part = st.one_of(
        number.map(str),
        span,
        st.tuples(span, step).map(lambda two: f"{two[0]}/{two[1]}"),
    )
    return st.one_of(
        st.just("*"),
        step.map(lambda every: f"*/{every}"),
        st.lists(part, min_size=1, max_size=3).map(",".join),
    )


SCHEDULES = st.tuples(_field(0, 59), _field(0, 23), _field(1, 28), _field(1, 12), _field(0, 6)).map(
    " ".join
)

#: Zones of either half of the world, one whose summer time is half an hour, one without.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")


@settings(max_examples=150, deadline=None)
@example("30 2 * * *", 1_743_246_000, "Europe/Berlin")  # over the start of summer time
@example("30 2 * * *", 1_761_390_000, "Europe/Berlin")  # over its end
@given(SCHEDULES, st.integers(1_577_836_800, 1_893_456_000), st.sampled_from(ZONES))
def test_schedules_are_those_of_croniter(schedule: str, now: int, name: str) -> None:
    """
    The next time is the one that another library finds, but where summer time begins or ends.

    There the rule of Debian's cron holds, which croniter does not follow.
    """
    croniter = pytest.importorskip("croniter", reason="croniter is not installed").croniter
    zone = ZoneInfo(name)
    start = datetime.fromtimestamp(now, zone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", name)
        found = _between(schedule, now, now)[1]
    # Debian's cron takes days that begin with * as no restriction, and croniter where asked to.
    other = croniter(schedule, start, implement_cron_bug=True, max_years_between_matches=50)
    expected = other.get_next(datetime).timestamp()
    if found != expected:
        sooner = datetime.fromtimestamp(min(found, expected), zone)
        hour = timedelta(hours=2)
        assert (sooner - hour).utcoffset() != (sooner + hour).utcoffset(), (found, expected)


@pytest.mark.parametrize("name", ["hourly", "daily", "midnight", "weekly", "monthly", "yearly"])
def test_schedules_have_names(name: str) -> None:
    """The names that crontab knows are understood."""
    assert list(Cron("true", schedule=f"@{name}"))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"every": 1}, "give either a command or call"),
        ({"command": "true"}, "give either a schedule of five fields or every"),
        ({"command": "true", "every": 1, "timeout": 0}, "timeout: 0 is no number"),
        ({"call": "nothing", "every": 1}, "'nothing' is no function"),
        ({"call": "no_such_module:f", "every": 1}, "no_such_module:f is not there"),
        ({"call": "cron_jobs:number", "every": 1}, "is no function but 3"),
        ({"call": "cron_jobs:none", "every": 1}, "cron_jobs:none is not there: module 'cron_jobs'"),
        ({"call": "cron_exit:f", "every": 1}, r"importing cron_exit failed at .*py:1: SystemExit"),
        ({"command": "true", "schedule": "* * *"}, "is no cron expression"),
        ({"command": "true", "schedule": "@reboot"}, "there is no @reboot; immediately runs it"),
        ({"command": "true", "schedule": "@sometimes"}, "is no cron expression"),
    ],
)
def test_options_without_sense_are_refused(jobs: Any, options: dict[str, Any], text: str) -> None:
    """A mistake is told when the service is made."""
    with pytest.raises((UsageError, ValueError, TypeError), match=text):
        Cron(**options)
