"""`plait serve` and `plait services` where something is not installed, or not there at all."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.runner.processes import Program, plait

pytestmark = pytest.mark.process

#: Without a library that a ready-made service needs.
WITHOUT = "import sys\nsys.modules['uvicorn'] = None\n"

#: Kinds of one's own: one that works, one that needs what is not there, one that is broken.
OWN = '''
import asyncio
from plait import Service
class Says(Service):
    """
    Says something.

    Args:
        text:
            What it says.
        often:
            How often.
        loud:
            Whether it shouts.
    """
    def __init__(self, text: str, often: int = 1, loud: bool = False) -> None:
        self.text = text.upper() if loud else text
        self.often = often
    async def start(self) -> None:
        print(self.text * self.often, flush=True)
number = 7
'''


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """A directory to import from, in which uvicorn is as good as not installed."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "needs.py").write_text("import uvicorn\n")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    return tmp_path


def run(where: Path, *words: str) -> Program:
    """Run plait to its end."""
    return plait(where, *words, environment={"PYTHONPATH": str(where)})


MISSING = [
    (("serve", "web"), "web needs uvicorn, which is not installed; run: pip install 'plait[web]'"),
    (("run", "web.toml"), "uvicorn, which is not installed"),
    (("check", "web.toml"), "uvicorn, which is not installed"),
    (("run", "web.tac"), "uvicorn, which is not installed"),
    (("serve", "needs:Web"), "uvicorn"),
    (("services", "needs:Web"), "uvicorn"),
]


@pytest.mark.parametrize(("words", "text"), MISSING)
def test_a_missing_library_is_2_in_every_way(
    where: Path, words: tuple[str, ...], text: str
) -> None:
    """Whichever way leads to a library that is not installed: it is named, and the status is 2."""
    (where / "web.toml").write_text("[services.site]\nkind = 'web'\napp = 'a:b'\n")
    (where / "web.tac").write_text(
        "from plait import Application\nfrom plait.services.web import WebServer\n"
        "application = Application('a')\napplication.add(WebServer('a:b'))\n"
    )
    program = run(where, *words)
    assert program.ends() == 2, program.err
    assert text in program.err
    assert "Traceback" not in program.err


def test_what_is_missing_is_said_in_the_lists(where: Path) -> None:
    """The list of services and the help of one say what is not installed, and end with 0."""
    for words in (("services",), ("services", "web")):
        program = run(where, *words)
        assert program.ends() == 0
        assert "! uvicorn is not installed; run: pip install 'plait[web]'" in program.out
    program = run(where, "serve", "web", "--help")
    assert program.ends() == 0
    assert "Not yet: uvicorn is not installed" in program.out
    program = run(where, "serve", "--help")
    assert program.ends() == 0
    assert "web" in program.out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("serve", "wbe"), "web"),
        (("services", "wbe"), "web"),
        (("serve", "own:number"), "own:number"),
        (("serve", "broken:Thing"), "broken.py:1: ZeroDivisionError: division by zero"),
        (("serve", "own:Says"), "--text"),
        (("serve", "own:Says", "--text", "hi", "--often", "many"), "'many'"),
        (("serve", "forward"), "--listen"),
    ],
)
def test_what_cannot_be_served(where: Path, words: tuple[str, ...], text: str) -> None:
    """A kind that is not there, is none, or lacks a value: 2, and what is wrong by its name."""
    program = run(where, *words)
    assert program.ends() == 2, program.err
    assert text in program.err


def test_a_service_of_ones_own(where: Path) -> None:
    """A class with typed parameters is served, its parameters as options or variables."""
    words = ("serve", "own:Says", "--text", "hello ", "--loud", "--restart", "3")
    environment = {"PYTHONPATH": str(where), "PLAIT_OWN:SAYS_OFTEN": "2"}
    with Program(where, *words, environment=environment) as program:
        program.until("is ready")
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM, program.err
        assert program.out.startswith("HELLO ")
    shown = run(where, "services", "own:Says")
    assert shown.ends() == 0
    assert "--text" in shown.out


def test_check_shows_what_the_environment_says(where: Path) -> None:
    """A variable that a run would refuse is shown as it is; --twisted counts for what is loaded."""
    (where / "all.toml").write_text("[services.echo]\nkind = 'echo'\n")
    environment = {
        "PYTHONPATH": str(where),
        "PLAIT_STOP_TIMEOUT": "soon",
        "PLAIT_START_TIMEOUT": "2.5",
        "PLAIT_LOG_LEVEL": "debug asyncio=info",
    }
    program = plait(where, "check", "--twisted", "own", "all.toml", environment=environment)
    assert program.ends() == 0, program.err
    for text in ("soon", "2.5", "asyncio=info", "own"):
        assert text in program.out
