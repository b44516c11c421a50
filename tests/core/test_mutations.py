"""The model test notices a broken engine: each fault planted in a copy of it fails the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import plait

PACKAGE = Path(plait.__file__).parent
HERE = Path(__file__).parent
ENOUGH = 400
"""How many schedules are played before a fault counts as unnoticed."""

HUNT = """
from tests.core.test_model import play
for seed in range({first}, {first} + {count}):
    if faults := play(seed, ties=seed % 3 == 0, eager=False):
        print("noticed", seed, faults[0])
        break
"""


class Mutant(NamedTuple):
    """One fault: in which file, what stands there, and what is put in its place."""

    file: str
    found: str
    planted: str
    first: int = 0  # the seed to begin with: few schedules come upon a rare fault


MUTANTS = {
    "silent children do not wait for their elders": Mutant(
        "_engine.py", "first is None or first.position >= node.position", "True"
    ),
    "stated needs are not waited for": Mutant("_engine.py", "if not need.is_ready:", "if False:"),
    "elders left after a contradiction are not waited for": Mutant(
        "_engine.py",
        "if elder.counts and not elder.is_ready:",
        "if False:",
    ),
    "a stop does not wait for younger siblings": Mutant(
        "_engine.py",
        "if parent.siblings is not None and parent.siblings.next_down() > node.position:",
        "if False:",
    ),
    "a stop does not wait for those in need": Mutant("_engine.py", "if needer.due:", "if False:"),
    "a stop does not wait for its parent's turn": Mutant(
        "_engine.py", "if parent.due and not parent.closing:", "if False:"
    ),
    "a restart does not couple": Mutant(
        "_engine.py", "stack.extend(node.needed_by)", "stack.extend(())"
    ),
    "a restarting elder holds nobody back": Mutant(
        "_siblings.py", "if node.position < self._passed:", "if False:"
    ),
    "a start under way is not cancelled": Mutant(
        "_owner.py", "elif self.begun and not self.started", "elif False and not self.started"
    ),
    "spawned tasks are not cancelled": Mutant(
        "_owner.py",
        "for task in tasks:\n            task.cancel()",
        "for task in ():\n            pass",
    ),
    "the stack is not unwound": Mutant(
        "_owner.py", "if stack is not None:\n                await self._close(stack)", "pass"
    ),
    "what prepare() opened is not closed": Mutant("_owner.py", "await prepared.aclose()", "pass"),
    "stop() is called after a start that failed": Mutant(
        "_owner.py", "[node.service.stop] if self.started else []", "[node.service.stop]"
    ),
    "the wait before a restart goes on after the stop": Mutant(
        "_engine.py", "node.timer.cancel()", "pass"
    ),
    "a restart takes place at once": Mutant(
        "_engine.py", "self.loop.call_later(node.delay,", "self.loop.call_later(0.0,"
    ),
    "a policy speaks during the first start": Mutant(
        "_supervision.py",
        "(target.been_ready or engine.outcome.has_been_ready)",
        "True",
    ),
    "a limit is never passed": Mutant(
        "_supervision.py", "if not policy.gives_up(target.failures):", "if True:"
    ),
    "a new order frees nobody": Mutant(
        "_growth.py", "engine.root.walk() if plan.crosses else (top,)", "(top,)"
    ),
    "a preference between branches is not kept": Mutant(
        "_order.py", "reluctant if waits[follower][1] else free", "free"
    ),
    "a start has no deadline": Mutant("_engine.py", "node.start_seconds", "1e9"),
    "a stop has no deadline": Mutant("_engine.py", "node.stop_seconds", "1e9"),
    "a start's deadline outlives it": Mutant(
        "_engine.py", "node.deadline = None  # that of its start", "pass  # that of its start", 800
    ),
    "a stop that swallows its cancellation is waited for": Mutant(
        "_supervision.py", "owner.abandoned = True", "return"
    ),
    "one late deadline delays the others": Mutant(
        "_deadlines.py", "or heap[0][0] < self._armed", ""
    ),
    "a container is down before children that waited to begin again": Mutant(
        "_engine.py",
        "(node.due_children or node.prepared is not None)",
        "node.prepared is not None",
        6000,
    ),
    "contradictions are not looked for": Mutant("_order.py", "if contradictory:", "if False:"),
}


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("name", [None, *MUTANTS], ids=lambda name: name or "no fault")
def test_the_model_notices(name: str | None, tmp_path: Path) -> None:
    """A copy of the engine with one fault fails the model test; without one it passes."""
    shutil.copytree(PACKAGE, tmp_path / "plait", ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("__init__.py", "model.py", "schedules.py", "test_model.py"):
        (tmp_path / "tests" / "core").mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / file, tmp_path / "tests" / "core" / file)
    script = HUNT.format(first=0, count=ENOUGH)
    if name is not None:
        mutant = MUTANTS[name]
        script = HUNT.format(first=mutant.first, count=ENOUGH)
        target = tmp_path / "plait" / "core" / mutant.file
        text = target.read_text()
        assert text.count(mutant.found) == 1, (
            f"{mutant.file} has {mutant.found!r} {text.count(mutant.found)} times, expected once; "
            "the engine has changed, so plant this fault in another way"
        )
        target.write_text(text.replace(mutant.found, mutant.planted))
    # The copies with planted faults are not what coverage is to measure.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ("noticed" in done.stdout) == (name is not None), done.stdout
