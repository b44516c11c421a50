"""The command line in this process, and as a program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from plait import __version__
from plait.cli import main
from plait.cli._commands import group
from plait.cli._options import help_of
from plait.runner import RunPlan, fields_of

ROOT = Path(__file__).parent.parent.parent


def invoke(*words: str) -> int:
    """Run the command line in this process."""
    status = main(words, version=__version__)
    return status if isinstance(status, int) else status.shown


def options_of(name: str) -> dict[str, click.Option]:
    """Return the options of a command by their long names."""
    top = group(__version__)
    command = top.get_command(click.Context(top), name)
    assert command is not None
    return {p.opts[-1]: p for p in command.params if isinstance(p, click.Option)}


def test_the_options_of_run_are_the_fields_of_the_plan() -> None:
    """Flags, defaults, variables and help texts of `plait run` are those of the plan."""
    options = options_of("run")
    fields = {field.flag: field for field in fields_of()}
    assert set(options) == set(fields)
    for flag, option in options.items():
        field = fields[flag]
        assert option.name == field.name
        assert option.envvar == field.variable
        assert option.help == help_of(field)
        assert (option.type.choices if isinstance(option.type, click.Choice) else ()) == (
            field.option.choices
        )


def test_without_options_the_plan_has_its_defaults() -> None:
    """What click makes of no option at all is the plan's own default."""
    top = group(__version__)
    command = top.get_command(click.Context(top), "run")
    assert command is not None
    with command.make_context("run", ["shop.tac"]) as context:
        assert RunPlan(**context.params) == RunPlan("shop.tac")


def test_the_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    """`plait --version` says what the project file says."""
    assert invoke("--version") == 0
    assert capsys.readouterr().out == f"plait {__version__}\n"
    assert f'\nversion = "{__version__}"\n' in (ROOT / "pyproject.toml").read_text()


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`plait --help` lists the commands, each with what it does."""
    assert invoke("--help") == 0
    out = capsys.readouterr().out
    for command in ("run", "check", "tree", "loops"):
        assert f"\n  {command} " in out


@pytest.mark.parametrize("words", [(), ("nonsense",), ("run",), ("run", "--lop", "x", "y")])
def test_wrong_usage_is_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """No command, an unknown one, a missing target and a wrong option exit with 2."""
    assert invoke(*words) == 2
    assert "plait" in capsys.readouterr().err


def test_loops_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`plait loops` lists every loop and says why one is not there."""
    assert invoke("loops") == 0
    out = capsys.readouterr().out
    assert "  auto " in out
    assert "asyncio" in out


SHOP = """
from plait.core import Application, Service
application = Application("shop")
db = application.add(Service(), name="db")
application.add(Service(), name="web", needs=[db])
"""


def test_check_and_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`plait check` says that the order is sound, `plait tree` draws it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "shop.tac").write_text(SHOP)
    assert invoke("check", "shop.tac") == 0
    assert capsys.readouterr().out == "shop: 2 services, the order is sound\n"
    assert invoke("tree", "shop.tac") == 0
    out = capsys.readouterr().out
    assert "db" in out
    assert "web" in out
    assert "needs db" in out


def test_check_finds_a_circle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`plait check` exits with 3 when no order is possible, 2 when nothing can be loaded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "shop.tac").write_text(SHOP.replace('name="db"', 'name="db", needs=["web"]'))
    assert invoke("check", "shop.tac") == 3
    assert "circle" in capsys.readouterr().err
    assert invoke("check", "gone.tac") == 2


@pytest.mark.process
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_be_taught(shell: str) -> None:
    """Each shell gets its completion script from the program itself."""
    done = subprocess.run(
        [sys.executable, "-m", "plait"],
        env={"_PLAIT_COMPLETE": f"{shell}_source", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert "_PLAIT_COMPLETE" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "kind"),
    [("plait run ex", "file"), ("plait run --chdir ex", "dir"), ("plait run --pidfile ex", "file")],
)
def test_the_shell_completes_names_of_files(words: str, kind: str) -> None:
    """Where a target, a file or a directory is wanted, the shell is told to complete it."""
    done = subprocess.run(
        [sys.executable, "-m", "plait"],
        env={
            "_PLAIT_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stdout == f"{kind},ex\n", done.stderr


@pytest.mark.process
def test_the_version_is_quick() -> None:
    """`plait --version` imports neither click nor asyncio."""
    script = (
        "import sys\nsys.argv = ['plait', '--version']\n"
        "from plait.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print({'click', 'asyncio', 'logging'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stdout == f"plait {__version__}\nset()\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["chek", "shop.tac"], "did you mean 'plait check'?"),
        (["shop.tac"], "did you mean 'plait run shop.tac'?"),
        (["shop.main:app"], "did you mean 'plait run shop.main:app'?"),
        (["zzz"], "the commands are run, check, tree"),
    ],
)
def test_a_word_that_is_no_command_gets_a_hint(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What may have been meant is named: a command alike, a target without `run`, or all there."""
    assert invoke(*words) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("name", ["run", "check", "tree", "serve", "services", "import", "stop"])
def test_the_help_ends_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The help of a command shows lines to try, and its arguments are not listed as options."""
    assert invoke(name, "--help") == 0
    shown = capsys.readouterr().out
    assert f"plait {name}" in shown.partition("Examples:")[2]
    assert "\n  TARGET" not in shown.replace("\n  TARGET is", "")


@pytest.mark.parametrize("word", ["--chdir", "--user ", "plait.log", "pyinstrument"])
def test_the_help_of_twistd_speaks_of_its_own_options(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names and defaults in `plait twistd --help` are those of that command line."""
    assert invoke("twistd", "--help") == 0
    assert word not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PLAIT_STOP_TIMEOUT", "soon", ["run", "shop.tac"]),
        ("PLAIT_LOOP", "none", ["run", "shop.tac"]),
        ("PLAIT_ECHO_DRAIN", "soon", ["serve", "echo"]),
    ],
)
def test_a_wrong_variable_is_named(
    variable: str,
    value: str,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A value that cannot be is told by the variable when it came from the environment."""
    monkeypatch.setenv(variable, value)
    assert invoke(*words) == 2
    assert f"Invalid value for the variable {variable}: '{value}'" in capsys.readouterr().err


def test_a_required_option_of_a_service_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """What a kind of service cannot do without is a missing option."""
    assert invoke("serve", "forward") == 2
    assert "Missing option '--listen'" in capsys.readouterr().err


def test_a_module_that_may_be_a_file_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever leaves out the ending of a file is told its name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "atelier.tac").touch()
    assert invoke("check", "atelier") == 2
    assert "did you mean atelier.tac?" in capsys.readouterr().err


def test_a_directory_is_no_pidfile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a directory nobody says that nothing runs."""
    assert invoke("status", "--pidfile", str(tmp_path)) == 4
    assert "it is a directory" in capsys.readouterr().err
