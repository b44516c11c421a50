"""A package of somebody else with a ready-made service of its own, installed for the test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

MODULE = '''
from typing import Annotated

from plait import TimerService
from plait.plugins import Setting


class Blink(TimerService):
    """
    Prints a word now and then.

    Args:
        word: What to print.
        every: Time from one word to the next.
    """

    def __init__(
        self, word: str = "tick", every: Annotated[float, Setting(metavar="SECONDS")] = 5.0
    ) -> None:
        super().__init__(print, word, every=every)
'''

OUTRIGHT = "import no_such_library\n\ndef lamp():\n    'Never imported.'\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder with the package as pip would have installed it."""
    (tmp_path / "plait_blink.py").write_text(MODULE)
    (tmp_path / "plait_lamp.py").write_text(OUTRIGHT)
    info = tmp_path / "plait_blink-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plait-blink\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[plait.services]\nblink = plait_blink:Blink\nlamp = plait_lamp:lamp [lamp]\n"
        "echo = plait_blink:Blink\n"
    )
    return tmp_path


def plait(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run plait with the folder on its import path."""
    return subprocess.run(
        [sys.executable, "-m", "plait", *words],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=site,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_it_is_listed_with_its_options(site: Path) -> None:
    """`plait services` shows it with the distribution it comes from."""
    done = plait(site, "services", "blink")
    assert done.stdout == (
        "blink  Prints a word now and then. (from plait-blink)\n"
        '  --word WORD      What to print. Default: "tick".\n'
        "  --every SECONDS  Time from one word to the next. Default: 5.0.\n"
    )


def test_a_missing_library_is_one_sentence(site: Path) -> None:
    """A package that imports its library outright is listed with the command to install it."""
    told = (
        "lamp needs no_such_library, which is not installed; run: pip install 'plait-blink[lamp]'"
    )
    assert told in plait(site, "services").stdout
    done = plait(site, "serve", "lamp")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 2


def test_nobody_takes_the_name_of_an_own_service(site: Path) -> None:
    """An entry point called as one of plait's services does not replace it."""
    assert "Sends back what it is sent." in plait(site, "services", "echo").stdout


def test_it_is_run(site: Path) -> None:
    """`plait serve blink` runs it, and so does an application file."""
    script = f"""
from plait.__main__ import main
import sys
sys.argv[1:] = {["serve", "blink", "--word", "tock", "--every", "0.05"]!r}
main()
"""
    with subprocess.Popen(
        [sys.executable, "-u", "-c", script],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=site,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout is not None
        try:
            assert [running.stdout.readline() for _ in range(2)] == ["tock\n", "tock\n"]
        finally:
            running.terminate()
    (site / "app.toml").write_text('[services.b]\nkind = "blink"\nword = "x"\n')
    assert "└─ b: Blink" in plait(site, "check", "app.toml").stdout
