"""The model test: random applications on the engine, compared with the reference model."""

from __future__ import annotations

import asyncio
import gc
import os
import re
from itertools import zip_longest
from typing import Any

import pytest

from plait.core import State
from plait.testing import HAS_EAGER_TASKS, VirtualTimeLoop

from .schedules import Play, Schedule

COUNT = int(os.environ.get("PLAIT_SCHEDULES", "2000"))
SHARES = 8
TOLERANCE = 0.02
"""How far the times of the engine and of the model may lie apart, in seconds."""

Trace = list[tuple[float, str, str]]
SEED = int(os.environ.get("PLAIT_SEED", "0"))


def play(seed: int, *, ties: bool, eager: bool) -> list[str]:
    """Play one schedule and return everything that is wrong with how it went."""
    faults: list[str] = []
    told: list[dict[str, Any]] = []
    drama = Play(Schedule(seed, ties=ties))
    loop = VirtualTimeLoop(eager=eager, patience=0.0, limit=20.0)
    loop.set_exception_handler(lambda _, context: told.append(context))

    async def main() -> None:
        await drama.run()
        await asyncio.sleep(1000)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        faults.extend(f"task left: {task}" for task in left)

    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())
    except Exception as error:
        faults.append(f"{type(error).__name__}: {error}")
    finally:
        loop.close()
    return faults + judge(drama) + [f"the loop was told: {context}" for context in told]


def judge(drama: Play) -> list[str]:
    """Return what is wrong at the end."""
    faults = list(drama.faults)
    if drama.open_stacks:
        faults.append(f"{drama.open_stacks} stack(s) were not unwound")
    for part, service in drama.services.items():
        if service.state not in (State.STOPPED, State.FAILED):
            faults.append(f"{part.path} ended in state {service.state.value}")
    if drama.schedule.ties:
        return faults
    model = drama.model
    if difference := compare(drama.trace, model.trace):
        faults.append(difference)
    failure = brief(drama.app.failure) if drama.app.failure else None
    if failure != model.failure:
        faults.append(f"the engine failed with {failure!r}, the model with {model.failure!r}")
    rolled_back = bool(model.start_errors)
    told = {
        "start": model.start_errors + model.stop_errors if rolled_back else [],
        "stop": [] if rolled_back else model.stop_errors,
    }
    for what, errors in zip(told, drama.errors, strict=True):
        if sorted(map(brief, errors)) != sorted(told[what]):
            faults.append(f"the {what} told of {errors}, the model of {told[what]}")
    return faults


def compare(found: Trace, wanted: Trace) -> str:
    """Return where two courses part: what each service does, and when."""
    for path in sorted({path for _, path, _ in found + wanted}):
        mine, its = ([entry for entry in trace if entry[1] == path] for trace in (found, wanted))
        for one, two in zip_longest(mine, its):
            # Deadlines that pass within a millisecond are seen to together.
            if one is None or two is None or one[2] != two[2] or abs(one[0] - two[0]) > TOLERANCE:
                return f"the engine went {one}, the model {two}"
    return ""


def brief(error: BaseException) -> str:
    """Return an error's text as the model gives it: without figures, report and stack."""
    text = str(error).partition("\n")[0]
    return re.sub(r"( did not stop| swallowed its cancellation) .*", r"\1", text)


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("eager", [False, True] if HAS_EAGER_TASKS else [False])
def test_the_engine_follows_the_model(share: int, eager: bool) -> None:
    """On random schedules the engine does what the reference model does, when it does it."""
    print(f"seeds {SEED + share} to {SEED + COUNT - 1} in steps of {SHARES}")  # noqa: T201
    bad = []
    for number in range(share, COUNT, SHARES):
        seed = SEED + number
        if faults := play(seed, ties=number % 3 == 0, eager=eager):
            bad.append(f"seed {seed} ties={number % 3 == 0} eager={eager}: {faults[:4]}")
    gc.collect()
    assert not bad, f"{len(bad)} of {COUNT // SHARES} schedules:\n" + "\n".join(bad[:5])
