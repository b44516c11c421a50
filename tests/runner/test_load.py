"""From a target to an application: what is the user's mistake, and what a fault in code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from plait import plugins
from plait.core import Application, Service
from plait.errors import NoApplication, NotAnApplication, TargetBroken, TargetNotFound
from plait.runner import load


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory; what is imported there is forgotten afterwards."""
    path, modules = sys.path[:], set(sys.modules)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.path[:] = path
    plugins.stop_summoning()
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if str(tmp_path) in file:
            del sys.modules[name]


APP = "from plait.core import Application\napplication = Application('shop')\n"


def test_a_file_gives_its_global(where: Path) -> None:
    """A file's global `application` is what is loaded."""
    (where / "shop.tac").write_text(APP)
    app = load("shop.tac")
    assert isinstance(app, Application)
    assert app.name == "shop"


def test_a_module_gives_its_attribute(where: Path) -> None:
    """`package.module:attribute` is imported from the working directory."""
    (where / "shoplib").mkdir()
    (where / "shoplib" / "__init__.py").write_text("")
    (where / "shoplib" / "main.py").write_text(APP.replace("application =", "class box:\n  app ="))
    assert load("shoplib.main:box.app").name == "shop"


def test_a_module_without_attribute_means_application(where: Path) -> None:
    """The attribute may be left out."""
    (where / "shopmod1.py").write_text(APP)
    assert load("shopmod1").name == "shop"


def test_a_lone_service_gets_an_application(where: Path) -> None:
    """A service that is no application is housed in one named after the file."""
    (where / "alone.tac").write_text(
        "from plait.core import Service\nclass Job(Service): ...\napplication = Job()\n"
    )
    app = load("alone.tac")
    assert app.name == "alone"
    assert [type(child).__name__ for child in app] == ["Job"]


def test_the_file_sees_what_twistd_shows_it(where: Path) -> None:
    """A file sees `__file__` as given, and its `__name__` is `builtins`."""
    (where / "shop.tac").write_text(APP + "application.name = f'{__file__} {__name__}'\n")
    assert load("shop.tac").name == "shop.tac builtins"


def test_both_directories_are_importable(where: Path) -> None:
    """The file's own directory and the working directory can be imported from."""
    (where / "etc").mkdir()
    (where / "etc" / "besidemod.py").write_text("")
    (where / "heremod.py").write_text("")
    (where / "etc" / "shop.tac").write_text("import besidemod, heremod\n" + APP)
    assert load("etc/shop.tac").name == "shop"


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("gone.tac", "there is no such file in"),
        ("etc/", "it is a directory"),
        (".", "it is a directory; give a file in it"),
        ("", "cannot load an empty name"),
        ("gonemod:app", "there is no module 'gonemod' in"),
        ("gone.inner:app", "there is no module 'gone' in"),
        ("no such thing", "neither a file that exists nor a module"),
        ("nul\0.tac", "not a file name"),
    ],
)
def test_what_is_not_there_is_one_sentence(where: Path, target: str, text: str) -> None:
    """A file or module that is not there is named, with where it was looked for."""
    (where / "etc").mkdir()
    with pytest.raises(TargetNotFound, match=text) as caught:
        load(target)
    assert "\n" not in str(caught.value)


def test_a_missing_submodule_is_told_from_its_package(where: Path) -> None:
    """When the package is there and the module in it is not, the module is named."""
    (where / "shoppkg").mkdir()
    (where / "shoppkg" / "__init__.py").write_text("")
    with pytest.raises(TargetNotFound, match=r"no module 'shoppkg.web'"):
        load("shoppkg.web:app")


@pytest.mark.parametrize("line", ["import notthere_at_all", "import shoppkg2.gone"])
def test_a_missing_inner_module_is_a_fault_in_code(where: Path, line: str) -> None:
    """A module that imports one that is not there is not mistaken for a missing module."""
    (where / "shoppkg2").mkdir()
    (where / "shoppkg2" / "__init__.py").write_text("")
    (where / "shoppkg2" / "web.py").write_text(line + "\n")
    with pytest.raises(TargetBroken) as caught:
        load("shoppkg2.web:app")
    assert isinstance(caught.value.error, ModuleNotFoundError)
    shown = "".join(traceback.format_exception(caught.value.error))
    assert f"line 1, in <module>\n    {line}" in shown
    assert "_load.py" not in shown


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("def broken(:\n", SyntaxError),
        ("1 / 0\n", ZeroDivisionError),
        ("import sys; sys.exit(4)\n", SystemExit),
        ("import nothere_either\n", ModuleNotFoundError),
        ("raise FileNotFoundError('x.tac')\n", FileNotFoundError),
        ("raise GeneratorExit\n", GeneratorExit),
    ],
)
def test_a_fault_in_the_file_keeps_its_traceback(
    where: Path, source: str, kind: type[BaseException]
) -> None:
    """What the file raises is kept whole, without plait's own frames."""
    (where / "shop.tac").write_text(source)
    with pytest.raises(TargetBroken) as caught:
        load("shop.tac")
    error = caught.value.error
    assert type(error) is kind
    shown = "".join(traceback.format_exception(error))
    assert 'File "shop.tac", line 1' in shown
    assert "_load.py" not in shown or kind is SystemExit


def test_a_missing_global_lists_what_there_is(where: Path) -> None:
    """Without `application` the names that the file does define are listed."""
    (where / "shop.tac").write_text("app = 1\n_hidden = 2\n")
    with pytest.raises(NoApplication, match=r"defines no 'application'.*it defines 'app'$"):
        load("shop.tac")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("7", "is an int"),
        ("'x'", "is a str"),
        ("None", "is a NoneType"),
        ("Application", "is the class Application"),
    ],
)
def test_something_else_is_named(where: Path, value: str, text: str) -> None:
    """An `application` that is none is named by its type."""
    (where / "shop.tac").write_text(f"from plait.core import Application\napplication = {value}\n")
    with pytest.raises(NotAnApplication, match=text):
        load("shop.tac")


def test_an_adapter_takes_what_plait_does_not_know(where: Path) -> None:
    """A registered adapter turns a foreign application into a service."""

    class Bridge(Service):
        pass

    def adapter(found: object) -> Service | None:
        return Bridge() if found == {"foreign": True} else None

    plugins.register_adapter(adapter)
    plugins.register_adapter(adapter)
    try:
        (where / "shop.tac").write_text("application = {'foreign': True}\n")
        assert [type(child) for child in load("shop.tac")] == [Bridge]
        assert plugins.adapt(3) is None
    finally:
        plugins._adapters.remove(adapter)
    assert adapter not in plugins._adapters


def test_a_traceback_shows_its_lines_after_a_change_of_directory(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of the file are kept, since its name is relative."""
    (where / "etc").mkdir()
    (where / "shop.tac").write_text(APP + "def fail():\n    raise ValueError('deep')\n")
    space = __import__("plait.runner", fromlist=["load_file"]).load_file("shop.tac")
    monkeypatch.chdir(where / "etc")
    with pytest.raises(ValueError, match="deep") as caught:
        space["fail"]()
    assert "raise ValueError('deep')" in "".join(traceback.format_exception(caught.value))
