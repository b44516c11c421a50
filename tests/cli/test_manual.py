"""The manual pages are those that the options describe."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from plait.cli._manual import pages
from plait.runner import fields_of

MANUAL = Path(__file__).parent.parent.parent / "docs" / "man"


@pytest.mark.parametrize("name", ["plait.1", "plait-twistd.1"])
def test_the_pages_are_current(name: str) -> None:
    """The pages in `docs/man` are what `python -m plait.cli._manual docs/man` makes."""
    assert (MANUAL / name).read_text() == pages()[name]


def test_every_option_stands_in_the_page() -> None:
    """The page of plait names every option of the plan, and its variable."""
    text = pages()["plait.1"].replace("\\-", "-")
    for field in fields_of():
        assert f"\\fB{field.flag}\\fR" in text
        assert f"\\fB{field.variable}\\fR" in text


@pytest.mark.peer("man")
@pytest.mark.parametrize("name", ["plait.1", "plait-twistd.1"])
def test_the_pages_can_be_shown(name: str) -> None:
    """`man` shows the pages without a complaint."""
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", str(MANUAL / name)],
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "SYNOPSIS" in done.stdout
