"""The ground that the tests stand on."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import plait

from .conftest import UNDER_CI

ROOT = Path(__file__).resolve().parent.parent


def test_tests_run_against_the_installed_package() -> None:
    """The package under test is the installed wheel, or an editable install that says so."""
    origin = json.loads(
        importlib.metadata.distribution("plait").read_text("direct_url.json") or "{}"
    )
    if origin.get("dir_info", {}).get("editable"):
        assert not UNDER_CI, "under CI the wheel is tested; run `make test`"
    else:
        assert ROOT / "src" not in Path(plait.__file__).resolve().parents


@pytest.mark.process
@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("asyncio.run(leave_a_task())", "left behind"),
        ("asyncio.run(drop_an_error())", "never retrieved"),
        ("forget()", "never awaited"),
    ],
)
def test_leaks_are_failures(tmp_path: Path, body: str, complaint: str) -> None:
    """A test that leaves a task, an error nobody took or an unawaited coroutine fails."""
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_planted.py").write_text(
        "import asyncio\n"
        "async def forever(): await asyncio.Event().wait()\n"
        "async def fail(): raise ValueError('lost')\n"
        "async def leave_a_task(): globals()['kept'] = asyncio.create_task(forever())\n"
        "async def drop_an_error(): asyncio.create_task(fail()); await asyncio.sleep(0)\n"
        "def forget(): forever()\n"
        f"def test_planted(): {body}\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert complaint in done.stdout


@pytest.mark.process
@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exit 127", "cannot run the Python interpreter"),
        (
            'case "$2" in *base_prefix*) echo 3.10.1 /usr;; *) exit 1;; esac',
            "3.11 or later is needed",
        ),
    ],
)
def test_an_unfit_interpreter_is_one_sentence(tmp_path: Path, script: str, sentence: str) -> None:
    """`make` with an interpreter that does not run, or is too old, says so and makes nothing."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    done = subprocess.run(
        ["sh", str(ROOT / ".ci" / "venv"), "venv"],
        cwd=tmp_path,
        env={**os.environ, "PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("plait: ")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "venv").exists()
