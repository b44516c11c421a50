"""`plait twistd`: twistd's words, and what they come to."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from plait import __version__
from plait.cli import main
from plait.cli._twistd import parse, usage, words_of_twistd
from plait.errors import TwistdUsage
from plait.runner import RunPlan, fields_of
from tests.runner.processes import ECHO, Program, end_all_in, plait, text_of, wait_for


def plan(*words: str) -> RunPlan:
    """Return what a command line comes to."""
    return parse(words).plan


#: Every option of twistd, its letter, and whether it takes an argument.
TWISTD = {
    "python": ("y", True),
    "source": ("s", True),
    "file": ("f", True),
    "no_save": ("o", False),
    "encrypted": ("e", False),
    "nodaemon": ("n", False),
    "logfile": ("l", True),
    "logger": ("", True),
    "syslog": ("", False),
    "prefix": ("", True),
    "pidfile": ("", True),
    "rundir": ("d", True),
    "chroot": ("", True),
    "uid": ("u", True),
    "gid": ("g", True),
    "euid": ("", False),
    "umask": ("", True),
    "originalname": ("", False),
    "reactor": ("r", True),
    "help-reactors": ("", False),
    "profile": ("p", True),
    "profiler": ("", True),
    "savestats": ("", False),
    "debug": ("b", False),
    "spew": ("", False),
    "version": ("", False),
    "help": ("", False),
}

#: What plait adds: which Twisted the target's imports mean.
ADDED = {"twisted": ("", True)}


def test_the_options_are_twistds() -> None:
    """Every option of twistd is there, with its letter and its argument, and one more."""
    ours = {word.long: (word.short, bool(word.metavar)) for word in words_of_twistd()}
    assert ours == TWISTD | ADDED


def test_what_the_plan_names_for_twistd_is_taken() -> None:
    """Each field of the plan that has a name in twistd gets what is said under that name."""
    for field in fields_of():
        name = field.option.twistd.partition(",")[0]
        if not name or field.name in ("loop", "profiler", "pidfile"):
            continue
        words = ("-ny", "a.tac", f"--{name}") + (() if field.type is bool else ("027",))
        value = getattr(plan(*words), field.name)
        assert value == (True if field.type is bool else "027"), name


@pytest.mark.parametrize(
    "words",
    [
        ("-noy", "a.tac"),
        ("-n", "-o", "-y", "a.tac"),
        ("--nodaemon", "--no_save", "--python", "a.tac"),
        ("--nodaem", "--pyth=a.tac"),
        ("-noya.tac",),
    ],
)
def test_letters_bundle_and_names_shorten(words: tuple[str, ...]) -> None:
    """The rules are getopt's: letters in one word, unique beginnings of names."""
    found = plan(*words)
    assert (found.target, found.daemon, found.log_file) == ("a.tac", False, "-")
    assert found.as_twistd


def test_a_daemon_is_the_default() -> None:
    """Without -n: a daemon, twistd.log, twistd.pid and the mask 077."""
    found = plan("-y", "a.tac")
    assert (found.daemon, found.log_file, found.umask) == (True, "twistd.log", "077")
    assert found.pidfile == os.path.abspath("twistd.pid")


def test_the_foreground_leaves_the_mask() -> None:
    """With -n the log goes to standard output and the mask stays; the pidfile is still written."""
    found = plan("-ny", "a.tac")
    assert (found.log_file, found.umask) == ("-", "")
    assert found.pidfile.endswith("/twistd.pid")


def test_debug_means_the_foreground() -> None:
    """-b alone stays in the foreground, and logs there too."""
    found = plan("-by", "a.tac")
    assert (found.debug, found.daemon, found.log_file) == (True, False, "-")


def test_the_default_directory_in_another_root_is_that_root() -> None:
    """`--rundir .` is the default in twistd, and means the new root under --chroot."""
    assert plan("-ny", "a.tac", "-d", ".", "--chroot", "/srv").chdir == ""
    assert plan("-ny", "a.tac", "-d", "sub", "--chroot", "/srv").chdir == "sub"


def test_the_last_of_an_option_counts() -> None:
    """An option given twice has its last value."""
    assert plan("-y", "a.tac", "-y", "b.tac").target == "b.tac"


def test_an_empty_pidfile_means_none() -> None:
    """`--pidfile=` asks for no pidfile at all."""
    assert plan("-y", "a.tac", "--pidfile=").pidfile == ""


def test_options_end_at_the_sub_command() -> None:
    """What follows the first word that is no option belongs to the sub-command."""
    parsed = parse(["-n", "web", "--path", ".", "-n"])
    assert parsed.command == ("web", "--path", ".", "-n")


@pytest.mark.parametrize(
    ("reactor", "loop"), [("default", "auto"), ("epoll", "epoll"), ("asyncio", "asyncio")]
)
def test_reactors_are_loops(reactor: str, loop: str) -> None:
    """The names of reactors stand for loops."""
    assert plan("-n", "-r", reactor, "-y", "a.tac").loop == loop


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("-f", "a.tap"), "reading one executes whatever its file says"),
        (("-s", "a.tas"), "saved applications are not read"),
        (("-e",), "write a .tac file"),
        (("-n",), "nothing to run"),
        (("--no-save", "-y", "a.tac"), "no-save"),
        (("-q", "-y", "a.tac"), "option -q not recognized"),
        (("--py",), "requires argument"),
        (("--p", "x"), "not a unique prefix"),
        (("-r", "gtk9", "-y", "a.tac"), "the specified reactor does not exist here: 'gtk9'"),
        (("--profiler", "hotshot", "-y", "a.tac"), "unsupported profiler name: hotshot"),
    ],
)
def test_what_is_refused(
    words: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be is refused in one sentence, with status 1 as twistd has it."""
    with pytest.raises(TwistdUsage, match=text.replace("(", r"\(")):
        parse(words)
    assert main(["twistd", *words], version=__version__) == 1
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("words", [(), ("--help",), ("-n", "--help")])
def test_help(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """No argument at all asks for the help, which names every option."""
    assert main(["twistd", *words], version=__version__) == 0
    out = capsys.readouterr().out
    assert out == usage()
    assert all(f"--{name}" in out for name in TWISTD)
    assert max(map(len, out.splitlines())) <= 100


def test_version_and_reactors(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints three lines, --help-reactors the names; both end with 0."""
    assert main(["twistd", "--version"], version=__version__) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"plait {__version__}")
    assert out.count("\n") == 3
    assert main(["twistd", "--help-reactors"], version=__version__) == 0
    assert "\n    default " in capsys.readouterr().out


def test_an_unknown_sub_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that is no sub-command is named, after the help, with status 1."""
    assert main(["twistd", "-n", "nosuchthing"], version=__version__) == 1
    assert "unknown command: nosuchthing" in capsys.readouterr().err


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Path]:
    """A directory with an echo server; a daemon that is left there is ended."""
    (tmp_path / "echo.tac").write_text(ECHO)
    yield tmp_path
    end_all_in(tmp_path)


@pytest.mark.process
def test_in_the_foreground(where: Path) -> None:
    """`-noy`: serves, logs to standard output, refuses a second start, dies by TERM."""
    with Program(where, "twistd", "-noy", "echo.tac") as program:
        port = program.port()
        wait_for(lambda: "echo is ready" in program.out, "readiness", program)
        assert (where / "twistd.pid").read_text().strip() == str(program.process.pid)
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.sendall(b"hello")
            assert peer.recv(5) == b"hello"
        (where / "second").mkdir()
        second = plait(where / "second", "twistd", "--pidfile=../twistd.pid", "-noy", "../echo.tac")
        assert second.ends() == 1
        assert f"process {program.process.pid} already runs" in second.err
        program.send(signal.SIGUSR1, signal.SIGHUP)
        wait_for(lambda: "reloading" in program.out, "the reload", program)
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM
        assert not (where / "twistd.pid").exists()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)


@pytest.mark.process
def test_as_a_daemon(where: Path) -> None:
    """`-y`: a daemon with twistd.pid and twistd.log, mask 077; USR1 opens the log anew."""
    launcher = plait(where, "twistd", "-y", "echo.tac")
    assert launcher.ends() == 0, launcher.err
    pid = int((where / "twistd.pid").read_text())
    log = where / "twistd.log"
    wait_for(lambda: "echo is ready" in text_of(log), "the log")
    assert stat.S_IMODE((where / "port").stat().st_mode) == 0o600
    log.rename(where / "twistd.log.1")
    os.kill(pid, signal.SIGUSR1)
    wait_for(log.exists, "the log anew")
    os.kill(pid, signal.SIGHUP)
    wait_for(lambda: "reloading" in text_of(log), "the reload")
    stop = plait(where, "stop", "--pidfile", "twistd.pid")
    assert stop.ends() == 0
    assert not (where / "twistd.pid").exists()


START = """
import os, socket, sys
from plait import Application, Service
class Starts(Service):
    async def start(self):
        ACT
application = Application("shop")
application.add(Starts(), name="db")
"""


@pytest.mark.process
@pytest.mark.parametrize(
    ("act", "text"),
    [
        ('raise ValueError("no such table" + "!" * 200)', "no such table" + "!" * 200),
        ("sys.exit(7)", "sys.exit(7)"),
        ("os.kill(os.getpid(), 9)", "was killed by SIGKILL before it was ready"),
        ('socket.create_server(("127.0.0.1", PORT))', "Address already in use"),
        ("os._exit(7)", "exited with 7 before it was ready"),
    ],
)
def test_a_daemon_that_fails_says_why(where: Path, act: str, text: str) -> None:
    """`-y` of a daemon that fails: 1 and the whole reason, never a hang."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        (where / "shop.tac").write_text(START.replace("ACT", act).replace("PORT", port))
        program = plait(where, "twistd", "-y", "shop.tac")
    assert program.ends() == 1
    assert text in program.err


@pytest.mark.process
@pytest.mark.parametrize(
    ("words", "source", "text"),
    [
        (("-noy",), "application = 3\n", "is an int"),
        (("-noy",), "1 / 0\n", "ZeroDivisionError"),
        (("-oy",), "x = 1\n", "defines no 'application'"),
        (("-n", "--rundir", "gone", "-y"), ECHO, "--rundir: there is no directory gone"),
        (("-n", "--umask", "9", "-y"), ECHO, "is not a mask"),
        (("-l", "-", "-y"), ECHO, "--logfile: a daemon has no standard output"),
        (("-n", "--logger", "no.such.logger", "-y"), ECHO, "no.such"),
        (("-n", "-u", "nobodyknows", "-y"), ECHO, "there is no user 'nobodyknows'"),
    ],
)
def test_whatever_fails_is_1(where: Path, words: tuple[str, ...], source: str, text: str) -> None:
    """Load, usage and start errors end with 1, as twistd does, and say why on standard error."""
    (where / "bad.tac").write_text(source)
    program = plait(where, "twistd", *words, "bad.tac")
    assert program.ends() == 1
    assert text in program.err
    assert not (where / "twistd.pid").exists()
