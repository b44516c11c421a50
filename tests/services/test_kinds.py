"""How a ready-made service says what it takes, and how it is found."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from plait.cli import main
from plait.core import Service
from plait.errors import BadKind, BadSetting, MissingExtra, UnknownKind, UnknownSetting, UsageError
from plait.plugins import OWN_SERVICES, Setting, kind, kind_from, offers, ready_made


def invoke(*words: str) -> int:
    """Run the command line in this process."""
    status = main(words, version="0")
    return status if isinstance(status, int) else status.shown


ROOT = Path(__file__).resolve().parents[2]


class Blink(Service):
    """
    Says a word now and then.

    Args:
        word:
            What to say, every
            time.
        every:
            Seconds in between.
    """

    def __init__(
        self,
        word: str,
        every: Annotated[float, Setting(metavar="SECONDS")] = 5.0,
        mode: Literal["loud", "soft"] = "loud",
        tags: tuple[str, ...] = (),
        extra_: dict[str, str] | None = None,
        hook: Any = None,
    ) -> None:
        if not word:
            raise ValueError("the word is empty; expected a text")
        self.word, self.every = word, every


def test_parameters_come_from_the_signature_and_the_docstring() -> None:
    """Names, types, defaults and help texts are read from the class."""
    found = kind_from("blink", Blink)
    assert found.summary == "Says a word now and then."
    assert list(found.parameters) == ["word", "every", "mode", "tags", "extra_"]
    word, every = found.parameters["word"], found.parameters["every"]
    assert (word.required, word.setting.help) == (True, "What to say, every time.")
    assert (every.default, every.metavar, every.flag) == (5.0, "SECONDS", "--every")
    assert found.parameters["extra_"].key == "extra"


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("every", 3, 3.0),
        ("mode", "soft", "soft"),
        ("tags", ["a", "b"], ("a", "b")),
        ("extra_", {"a": "b", "c": 1}, {"a": "b", "c": "1"}),
    ],
)
def test_values_of_a_file_are_taken_by_type(name: str, value: Any, result: Any) -> None:
    """A value of the right type is taken; a whole number will do for a number."""
    assert kind_from("blink", Blink).parameters[name].take("blink", value) == result


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("every", "3"),
        ("every", True),
        ("every", float("nan")),
        ("mode", "quiet"),
        ("tags", "a"),
        ("tags", [1]),
        ("word", 1),
        ("extra_", {"a": 1.5}),
    ],
)
def test_values_of_another_type_are_refused(name: str, value: Any) -> None:
    """Nothing is converted silently: the refusal names the option and what it may be."""
    with pytest.raises(BadSetting, match=f"blink: {name.rstrip('_')} is .*; expected "):
        kind_from("blink", Blink).parameters[name].take("blink", value)


def test_a_kind_makes_its_service() -> None:
    """The service is made with the values and called after its kind."""
    made = kind_from("blink", Blink).make({"word": "hi"})
    assert isinstance(made, Blink)
    assert (made.word, made.name) == ("hi", "blink")


def test_a_missing_a_wrong_and_a_refused_value_are_told() -> None:
    """A value that is missing, unknown or refused by the service is a mistake of usage."""
    found = kind_from("blink", Blink)
    with pytest.raises(BadSetting, match="word is missing; expected a text"):
        found.make({})
    with pytest.raises(UnknownSetting, match=r"'evry'.*did you mean 'every'"):
        found.make({"word": "a", "evry": 1})
    with pytest.raises(UsageError, match="blink: the word is empty"):
        found.make({"word": ""})


def test_a_missing_library_is_one_sentence_with_the_command() -> None:
    """What needs a library that is not there says how to install it, without importing any."""

    @ready_made("no_such_library", extra="blink", package="plait-blink")
    def maker() -> Service:
        """Never gets so far."""
        raise AssertionError

    with pytest.raises(MissingExtra) as caught:
        kind_from("blink", maker).make({})
    assert str(caught.value) == (
        "blink needs no_such_library, which is not installed; run: pip install 'plait-blink[blink]'"
    )


def test_what_makes_no_service_is_no_kind() -> None:
    """A thing that cannot be called, and a parameter that no option can be, are refused."""
    with pytest.raises(BadKind, match="expected a class or function"):
        kind_from("thing", 3)

    def bad(hook: Service) -> Service:
        return hook

    with pytest.raises(BadKind, match="'hook' has no simple type"):
        kind_from("bad", bad)


def test_own_services_are_the_entry_points_of_the_project() -> None:
    """The table that spares reading what is installed says what the project file says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["plait.services"] == OWN_SERVICES


def test_own_services_are_listed_and_known() -> None:
    """Each service of plait's own is offered, loads without its libraries and explains itself."""
    there = offers("services")
    for name in OWN_SERVICES:
        assert there[name].distribution == "plait"
        found = kind(name)
        assert found.summary.endswith(".")
        for parameter in found.parameters.values():
            assert parameter.setting.help.endswith("."), f"{name}.{parameter.name}"


def test_an_unknown_kind_is_told_with_those_there_are() -> None:
    """A misspelt kind is answered with the nearest one."""
    with pytest.raises(UnknownKind, match=r"did you mean 'echo'"):
        kind("ecko")


def test_a_class_of_ones_own_is_found_by_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`package.module:Class` is a kind too."""
    (tmp_path / "own_blink.py").write_text(
        "from plait import Service\nclass Blink(Service):\n    'Blinks.'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert kind("own_blink:Blink").summary == "Blinks."
        with pytest.raises(BadKind, match="it is not there"):
            kind("own_blink:Blank")
    finally:
        sys.modules.pop("own_blink", None)
        importlib.invalidate_caches()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("syntax", "x = 1\ndef f(:", r"syntax_kind\.py:2: SyntaxError: invalid syntax"),
        ("attribute", "None.x", r"attribute_kind\.py:1: AttributeError: 'NoneType'"),
        ("library", "import no_such_library", r"library_kind\.py:1: ModuleNotFoundError: "),
        ("exit", "import sys\nsys.exit(4)", r"exit_kind\.py:2: SystemExit: 4"),
        ("silent", "raise SystemExit", r"silent_kind\.py:1: SystemExit$"),
        ("base", "raise GeneratorExit('odd')", r"base_kind\.py:1: GeneratorExit: odd"),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, told: str
) -> None:
    """The line is that of the module, and what the module lacks does not make it missing."""
    (tmp_path / f"{name}_kind.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadKind, match=f"importing it failed at .*{told}"):
        kind(f"{name}_kind:make")


@pytest.mark.parametrize("text", ["raise SystemExit(4)", "1 / 0", "f(:", "import no_such_library"])
def test_an_installed_kind_that_cannot_be_imported_does_not_hide_the_others(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
) -> None:
    """Another distribution's module that fails, however it does, is one line of the list."""
    info = tmp_path / "bad_dist-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-dist\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[plait.services]\nbad = bad_dist_kind:Bad\n")
    (tmp_path / "bad_dist_kind.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert invoke("services") == 0
    out = capsys.readouterr().out
    assert "web  Serves" in out
    assert "bad\n  ! bad" in out
    assert invoke("serve", "bad") == 2
    assert invoke("services", "bad") == 2
    told = capsys.readouterr().err
    assert told.count("bad") > 1
    if "no_such" not in text:
        assert "importing bad_dist_kind:Bad failed at" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sys.exit(3)", "SystemExit: 3"),
        ("open('/nowhere/at/all')", "FileNotFoundError"),
        ("raise GeneratorExit", "GeneratorExit"),
    ],
)
def test_a_maker_that_fails_is_told_with_its_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    told: str,
) -> None:
    """What the making of a service raises, an exit included, ends in one sentence, status 2."""
    (tmp_path / "poor_kind.py").write_text(f"import sys\ndef make():\n    {text}\n")
    (tmp_path / "app.toml").write_text("[services.a]\nkind = 'poor_kind:make'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert invoke("check", "app.toml") == 2
        error = capsys.readouterr().err
    finally:
        sys.modules.pop("poor_kind", None)
    assert error.startswith("plait: app.toml:1: services.a: ")
    assert "poor_kind:make: this kind of service cannot be used: making it failed at" in error
    assert f"{tmp_path}/poor_kind.py:3: {told}" in error
    assert "Traceback" not in error


def test_a_stop_while_a_kind_is_imported_is_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A keyboard interrupt is no fault of the module that was being imported."""
    (tmp_path / "slow_kind.py").write_text("raise KeyboardInterrupt")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        kind("slow_kind:make")


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("no_such_dist_kind:Bad", "no_such_dist_kind:Bad is not there: No module named"),
        ("half_dist_kind:Bad", "half_dist_kind:Bad is not there: module 'half_dist_kind' has no"),
    ],
)
def test_an_entry_point_that_leads_nowhere_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, told: str
) -> None:
    """A distribution that offers what it does not bring is named with what is missing."""
    info = tmp_path / "half_dist-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: half-dist\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[plait.services]\nhalf = {where}\n")
    (tmp_path / "half_dist_kind.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadKind, match=f"half: .*{told}"):
        kind("half")


def test_what_is_made_has_to_be_a_service() -> None:
    """A function that makes something else is no kind."""

    def maker() -> Service:
        return "text"  # type: ignore[return-value]  # what is tried

    with pytest.raises(BadKind, match=r"it made 'text', which is no plait service"):
        kind_from("odd", maker).make({})


def test_annotations_that_cannot_be_read_are_told() -> None:
    """A name in an annotation that is not there does not end the list of services."""

    def maker(size: NoSuchType) -> Service:  # type: ignore[name-defined]  # noqa: F821
        return Service()

    with pytest.raises(BadKind, match=r"its parameters cannot be read: .*NoSuchType"):
        kind_from("odd", maker)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("hidden", "Yes", True),
        ("hidden", "0", False),
        ("port", "80", 80),
        ("keep_alive", "2", 2.0),
        ("index", "a.html", ("a.html",)),
        ("path", "a/b", Path("a/b")),
    ],
)
def test_texts_become_values(name: str, text: str, value: Any) -> None:
    """What the command line and variables give is read by the type of the option."""
    assert kind("web").parameters[name].parse("web", text) == value


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("hidden", "maybe", "hidden is 'maybe'; expected true or false"),
        ("port", "8.5", "port is '8.5'; expected a whole number"),
        ("keep_alive", "inf", "keep_alive is inf; expected a number"),
        ("lifespan", "onn", "lifespan is 'onn'; expected 'auto' or"),
    ],
)
def test_texts_that_are_no_values_are_told(name: str, text: str, told: str) -> None:
    """The error names the option, what was found and what was expected."""
    with pytest.raises(BadSetting, match=told):
        kind("web").parameters[name].parse("web", text)


def test_a_command_with_an_open_quote_is_told() -> None:
    """A command is split as a shell does it."""
    command = kind("process").parameters["command"]
    assert command.parse("p", "a 'b c'") == ("a", "b c")
    with pytest.raises(BadSetting, match="No closing quotation"):
        command.parse("p", "a 'b")
