"""`plait run`, `check` and `import` on files without code, as programs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from plait import __version__
from plait.cli import main
from tests.ports import free_port
from tests.programs import Program, echoes


def invoke(*words: str) -> int:
    """Run the command line in this process."""
    status = main(words, version=__version__)
    return status if isinstance(status, int) else status.shown


APP = """
[run]
stop_timeout = 20
[log]
format = "json"
[services.e]
kind = "echo"
listen = "tcp://127.0.0.1:{port}"
"""


def test_check_shows_tree_and_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Values come from the file, the environment and the command line; the last one wins."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PLAIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PLAIT_LOOP", "asyncio")
    Path("app.toml").write_text(APP.format(port=7001))
    assert invoke("check", "app.toml", "--log-format", "text") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    given = [line for line in lines if not line.endswith("# default")]
    assert given == [
        "app: 1 service, the order is sound",
        "app: Application",
        "└─ e: TCPServer",
        "values, and where they come from:",
        'run.loop = "asyncio" # environment PLAIT_LOOP',
        "run.stop_timeout = 20.0 # app.toml:3",
        'log.format = "text" # command line',
        'services.e.listen = "tcp://127.0.0.1:7001" # app.toml:8',
    ]
    assert {"services.e.drain = 10.0 # default", "run.daemon = false # default"} < set(lines)


def test_check_tells_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake in the file is status 2, an order that cannot be is status 3."""
    monkeypatch.chdir(tmp_path)
    Path("app.toml").write_text(APP.format(port=7001) + "prot = 1\n")
    assert invoke("check", "app.toml") == 2
    assert "app.toml:9: services.e: there is no option 'prot'" in capsys.readouterr().err
    Path("app.toml").write_text(APP.format(port=7001) + "needs = ['db']\n")
    assert invoke("check", "app.toml") == 3
    assert "app/e needs 'db'" in capsys.readouterr().err
    assert invoke("tree", "app.toml") == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[log]\nlevel = ["loud"]', "log: level was given 'loud'; expected debug, info"),
        (
            '[log]\nlevel = ["info", "db=wraning"]',
            "log: level was given 'db=wraning' (did you mean 'warning'?); expected debug",
        ),
        ('[log]\nlevel = ["${LEVEL}"]', "log: level was given 'laud'; expected debug, info"),
        ('[log]\nrotate = "10XB"', "log: rotate was given '10XB'; expected a size"),
        ("[log]\nkeep = -1", "log: keep was given '-1'; expected 0 or more"),
        ('[log]\nfacility = "deamon"', "log: facility was given 'deamon' (did you mean 'daemon'?)"),
        ('[run]\numask = "999"', "run: umask: '999' is not a mask; expected octal digits"),
        ('[run]\nchdir = "/no/where"', "run: chdir: there is no directory /no/where"),
        ("[run]\nstall_limit = -1", "run: stall_limit: -1.0 is no number of seconds"),
    ],
)
@pytest.mark.parametrize("command", ["check", "run", "tree"])
def test_settings_that_make_no_sense_are_told_with_their_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    told: str,
    command: str,
) -> None:
    """What a setting of the run or the log cannot be is refused where it stands in the file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEVEL", "laud")
    Path("app.toml").write_text(f"{text}\n[services.e]\nkind = 'echo'\n")
    assert invoke(command, "app.toml") == 2
    assert capsys.readouterr().err.startswith(f"plait: app.toml:2: {told}")


def test_a_setting_that_the_command_line_gives_is_told_by_its_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It wins over the file, so the file is not blamed."""
    monkeypatch.chdir(tmp_path)
    Path("app.toml").write_text("[log]\nlevel = ['info']\n[services.e]\nkind = 'echo'\n")
    assert invoke("check", "app.toml", "--log-level", "debgu") == 2
    assert capsys.readouterr().err.startswith(
        "plait: --log-level was given 'debgu' (did you mean 'debug'?); expected"
    )


def test_import_writes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`plait import` writes TOML to standard output and lists what is left on standard error."""
    monkeypatch.chdir(tmp_path)
    Path("s.conf").write_text("[program:a]\ncommand=true\nfoo=1\n")
    assert invoke("import", "s.conf") == 0
    said = capsys.readouterr()
    assert said.err == "not taken over:\n- [program:a] foo: it has no counterpart\n"
    Path("app.toml").write_text(said.out)
    assert invoke("check", "app.toml") == 0
    assert invoke("import", "none.conf") == 2


@pytest.mark.process
@pytest.mark.network
def test_run_takes_the_options_of_the_file(tmp_path: Path) -> None:
    """The log is as the file says, unless the command line says otherwise."""
    port = free_port()
    (tmp_path / "app.toml").write_text(APP.format(port=port))
    with Program("-m", "plait", "run", "app.toml", folder=tmp_path) as program:
        assert echoes(port), program.output
        assert program.end(signal.SIGTERM) == -signal.SIGTERM
        assert program.output.startswith("{"), program.output
    words = ("run", "app.toml", "--log-format", "text")
    with Program("-m", "plait", *words, folder=tmp_path) as program:
        program.wait_for("[app#info] app is ready")
        assert program.end(signal.SIGTERM) == -signal.SIGTERM


@pytest.mark.process
@pytest.mark.network
def test_run_tells_mistakes(tmp_path: Path) -> None:
    """A mistake in the file ends the run with status 2, without a traceback."""
    (tmp_path / "app.toml").write_text("[services.e]\nkind = 'ecko'\n")
    with Program("-m", "plait", "run", "app.toml", folder=tmp_path) as program:
        assert program.status() == 2
        assert "app.toml:2: services.e: kind 'ecko'" in program.output
        assert "Traceback" not in program.output


@pytest.mark.process
def test_a_procfile_ends_when_one_command_does(tmp_path: Path) -> None:
    """All commands of a Procfile are started, logged by name, and ended when one ends."""
    (tmp_path / ".env").write_text("WORD=tick\n")
    (tmp_path / "Procfile").write_text(
        "one: echo $WORD $PORT; exec sleep 60\ntwo: sleep 0.3; exit 3\n"
    )
    with Program("-m", "plait", "run", "Procfile", folder=tmp_path) as program:
        program.wait_for("tick 5000")
        assert program.status() == 1
        assert "/bin/sh ended with status 3" in program.output
        assert "Traceback" not in program.output
