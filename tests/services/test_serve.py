"""`plait serve` and `plait services`, as programs."""

from __future__ import annotations

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


def test_services_lists_kinds_with_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    """`plait services echo` shows the summary, each option and its default."""
    assert invoke("services", "echo") == 0
    text = capsys.readouterr().out
    assert text.startswith("echo  Sends back what it is sent.\n")
    assert "--listen URL" in text
    assert 'Default: "tcp://127.0.0.1:7777".' in " ".join(text.split())


def test_an_unknown_kind_is_a_mistake_of_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """`plait services` and `plait serve` answer a misspelt kind with the nearest one, status 2."""
    assert invoke("services", "ecko") == 2
    assert "did you mean 'echo'?" in capsys.readouterr().err
    assert invoke("serve", "ecko") == 2
    assert "did you mean 'echo'?" in capsys.readouterr().err


def test_the_help_has_the_services_options_and_those_of_a_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`plait serve echo --help` shows both, the service's own first."""
    assert invoke("serve", "echo", "--help") == 0
    text = capsys.readouterr().out
    assert text.index("--listen URL") < text.index("--loop NAME") < text.index("--pidfile FILE")


def test_a_value_of_the_wrong_type_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """`--drain soon` is refused with what was expected."""
    assert invoke("serve", "echo", "--drain", "soon") == 2
    assert "'soon'; expected a number" in capsys.readouterr().err


def test_a_refused_value_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """A URL that cannot be listened at ends with status 2 and no traceback."""
    assert invoke("serve", "echo", "--listen", "tcp://127.0.0.1:99999") == 2
    text = capsys.readouterr().err
    assert "99999" in text
    assert "Traceback" not in text


@pytest.mark.process
def test_a_killed_process_is_restarted_until_the_limit(tmp_path: Path) -> None:
    """With `--restart 1` one failure is borne, and the second one ends the run with status 1."""
    words = ("-m", "plait", "serve", "process", "--restart", "1", "--stderr", "drop")
    command = ("--", "sh", "-c", "echo here; sleep 0.3; kill -KILL $$")
    with Program(*words, *command, folder=tmp_path) as program:
        assert program.status() == 1, program.output
        assert program.output.count("#info] here") == 2
        assert "restarts in" in program.output
        assert "was ended by SIGKILL" in program.output


@pytest.mark.process
@pytest.mark.network
def test_echo_serves_and_ends_on_term(tmp_path: Path) -> None:
    """`plait serve echo` echoes, takes the options of a run, and ends in order on TERM."""
    port = free_port()
    words = ("-m", "plait", "serve", "echo", "--listen", f"tcp://127.0.0.1:{port}")
    with Program(*words, "--log-file", "echo.log", folder=tmp_path) as program:
        assert echoes(port), program.output
        assert program.end(signal.SIGTERM) == -signal.SIGTERM, program.output
        assert "echo/echo" in (tmp_path / "echo.log").read_text()


@pytest.mark.process
def test_lists_tables_and_flags_are_given_in_words(tmp_path: Path) -> None:
    """An option is given several times, as NAME=VALUE, or as a flag; one with a clash by kind."""
    (tmp_path / "vars").write_text("FIRST=1\n")
    options = ("--env", "A=1", "--env", "B=x=y", "--env-file", "vars", "--env-file", "-no-such")
    words = ("serve", "process", *options, "--clear-env", "--limits", "nofile=77", "--once")
    umask = ("--process-umask", "077", "--done", "0", "--done", "3")
    command = ("--", "sh", "-c", "echo $FIRST,$A,$B,$UNSEEN; ulimit -n; umask")
    with Program("-m", "plait", *words, *umask, *command, folder=tmp_path) as program:
        program.wait_for("process is ready")
        for line in ("1,1,x=y,", "77", "0077"):
            assert f"#info] {line}\n" in program.output
        assert program.end(signal.SIGTERM) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--env", "A", "--", "true"), "'A'; expected NAME=VALUE"),
        (("--done", "x", "--", "true"), "'x'; expected a list, each item a whole number"),
        (("--kill-after", "nan", "--", "true"), "'nan'; expected a number"),
        (("--stdout", "loud", "--", "true"), "'loud'; expected 'debug' or"),
        ((), "COMMAND"),
        (("--umsk", "1"), "--umsk"),
    ],
)
def test_words_that_mean_nothing_are_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    """A value that cannot be is refused with what was expected, status 2."""
    assert invoke("serve", "process", *words) == 2
    assert told in " ".join(capsys.readouterr().err.split())
