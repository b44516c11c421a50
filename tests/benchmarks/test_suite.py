"""The benchmarks themselves, their targets, and the page with what they found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import alone, book, contenders, echo
from benchmarks.harness import report
from benchmarks.harness.place import Place, machine
from benchmarks.harness.run import Run, Size
from benchmarks.suite import BENCHMARKS
from benchmarks.wanted import TARGETS

ROOT = Path(__file__).resolve().parents[2]


def test_each_target_has_one_limit() -> None:
    """A target says the least or the most that will do, and not both."""
    assert all((target.least is None) != (target.most is None) for target in TARGETS)


def test_each_target_belongs_to_a_benchmark() -> None:
    """Every target is measured by a benchmark that there is."""
    assert {target.name for target in TARGETS} <= set(BENCHMARKS)


def test_no_target_stands_twice() -> None:
    """No two targets of a part of plait are about the same figures."""
    keys = [(t.subject, t.name, t.case, t.figure, t.who, t.peer) for t in TARGETS]
    assert len(set(keys)) == len(keys)


def test_the_page_has_the_latest_figures() -> None:
    """docs/performance.md says what its JSON says; `make bench-docs` makes it so."""
    page = book.PAGE.read_text(encoding="utf-8")
    assert book.filled_in(page, report.read(book.LATEST)) == page


def test_the_page_knows_no_paths() -> None:
    """Neither the page nor its JSON has the name or a path of the machine."""
    text = book.PAGE.read_text(encoding="utf-8") + book.LATEST.read_text(encoding="utf-8")
    assert "/tmp/" not in text
    assert str(ROOT) not in text


def test_the_machine_is_described() -> None:
    """The description has the processor, the system and the versions of what is compared."""
    about = machine()
    assert about["versions"]["plait"]
    assert about["processors"] >= 1
    assert {"processor", "kernel", "python", "memory_gib"} <= set(about)


def test_the_undisturbed_rate_is_that_of_the_best_tenth() -> None:
    """Windows that other work disturbed do not lower the rate."""
    assert echo.undisturbed({"windows": [0, 0, 0, 0, 0, 0, 0, 0, 10, 20]}) == 20 / 0.02


def test_a_timer_is_late_against_the_grid_that_fits() -> None:
    """A grid that began at an odd moment is no lateness; a call behind its time is."""
    late = alone.lateness([0.0077, 0.0177, 0.0277, 0.0397], 0.01)
    assert [round(each, 6) for each in late] == [0.0, 0.0, 0.0, 0.002]


def test_a_missing_peer_is_named(tmp_path: Path) -> None:
    """Who lacks something does not take part, and the reason is kept, once."""
    place = Place.__new__(Place)
    place.folder, place.reasons = tmp_path, {"echo": "gcc is not installed"}
    run = Run("echo-tcp", place, Size.FULL)
    for _ in range(2):
        assert contenders.C_ECHO not in run.taking_part([contenders.C_ECHO])
    assert run.missing == [("echo-tcp", "C", "gcc is not installed")]


def test_rounds_that_were_sat_out_are_empty(tmp_path: Path) -> None:
    """What was noted becomes one result for each figure, with a place for every round."""
    run = Run("echo-tcp", Place.__new__(Place), Size.FULL)
    run.note("case", "C", echo.RATE, 0, 5.0)
    run.note("case", "C", echo.RATE, 2, 7.0, errors=1)
    (found,) = run.results()
    assert (found.samples, found.errors) == ((5.0, None, 7.0), 1)


@pytest.mark.process
@pytest.mark.slow
def test_every_benchmark_runs(tmp_path: Path) -> None:
    """The smallest run goes through all benchmarks, with plait alone, and finds nothing wrong."""
    out = tmp_path / "smoke.json"
    command = [sys.executable, "-m", "benchmarks", "--size", "smoke", "--out", str(out)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = report.book_of(report.read(out))
    left_out = {missing["name"] for missing in report.read(out)["missing"]}
    assert set(told.names()) | left_out == set(BENCHMARKS)
