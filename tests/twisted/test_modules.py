"""The import finder, plug-ins, paths and saved objects."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from zope.interface import Interface, directlyProvides

from plait.twisted import plugin

from .both import OURS, Body, Words, agree, plain

# Hides the real Twisted from a process, so that no environment without it need be made.
HIDE = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name == "twisted" or name.startswith("twisted."):
            from importlib.machinery import PathFinder
            kept = [entry for entry in sys.path if "site-packages" not in entry]
            if name == "twisted":
                spec = PathFinder.find_spec(name, kept)
                if spec is not None and spec.origin is None:
                    return spec
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
import importlib.machinery
real = importlib.machinery.PathFinder.find_spec
def find_spec(name, path=None, target=None):
    if name == "twisted" and path is None:
        path = [entry for entry in sys.path if "site-packages" not in entry]
    return real(name, path, target)
importlib.machinery.PathFinder.find_spec = staticmethod(find_spec)
"""


def run(script: str, cwd: Path, *, hide: bool = True) -> list[str]:
    """Run a script in a process of its own, without the real Twisted, and return its lines."""
    text = (HIDE if hide else "") + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=60,
    )
    assert done.stderr == "", done.stderr
    return done.stdout.splitlines()


@pytest.mark.process
def test_names_are_aliases_where_twisted_is_not_installed(tmp_path: Path) -> None:
    """One module object stands under both names, whichever was imported first."""
    out = run(
        """
        import plait.twisted
        try:
            import twisted.internet.defer
        except ImportError as error:
            print("before:", type(error).__name__)
        print("installed:", plait.twisted.install())
        import plait.twisted.python.log as first
        import twisted.python.log as second
        import twisted.internet.defer
        from twisted.python.failure import Failure
        import plait.twisted.python.failure
        import twisted.logger as logger
        print(first is second, Failure is plait.twisted.python.failure.Failure)
        print(twisted is plait.twisted, sys.modules["twisted.logger"] is logger)
        print(second.__name__, second.__spec__.name, second.__package__)
        print(plait.twisted.install(), plait.twisted.installed())
        plait.twisted.uninstall()
        print(plait.twisted.installed(), "twisted" in sys.modules)
        """,
        tmp_path,
    )
    assert out == [
        "before: ModuleNotFoundError",
        "installed: True",
        "True True",
        "True True",
        "plait.twisted.python.log plait.twisted.python.log plait.twisted.python",
        "True True",
        "False False",
    ]


@pytest.mark.process
def test_a_missing_module_says_what_to_do(tmp_path: Path) -> None:
    """What plait has not says that Twisted can be installed; private modules are no part of it."""
    out = run(
        """
        import plait.twisted
        plait.twisted.install()
        for name in ("twisted.mail", "twisted.internet._deferred", "twisted.conch.ssh"):
            try:
                __import__(name)
            except ModuleNotFoundError as error:
                print(error)
        for line in ("from twisted.python.reflect import objgrep", "from twisted import mail",
                     "from twisted.python import text", "from twisted.internet import serialport"):
            try:
                exec(line)
            except ImportError as error:
                print(error)
        from twisted.python import log
        import twisted
        print(log.__name__, hasattr(twisted, "mail"), hasattr(twisted.internet, "nothing"))
        """,
        tmp_path,
    )
    assert all("install Twisted itself (pip install twisted)" in line for line in out[:3])
    assert "use gc.get_referrers" in out[3]
    assert "plait.twisted.mail is left out of plait on purpose: install Twisted" in out[4]
    assert "use the module textwrap" in out[5]
    assert "install Twisted" in out[6]
    assert out[7] == "plait.twisted.python.log False False"


@pytest.mark.process
def test_a_real_twisted_wins(tmp_path: Path) -> None:
    """Where Twisted is installed its names stay its own."""
    out = run(
        """
        import plait.twisted._finder as finder
        print(finder.realTwisted(), finder.install())
        import twisted.internet.defer
        print(twisted.internet.defer.__name__)
        try:
            finder.install(force=True)
        except RuntimeError as error:
            print(error)
        """,
        tmp_path,
        hide=False,
    )
    assert out[:2] == ["True False", "twisted.internet.defer"]
    assert "before the first import of twisted" in out[2]


@pytest.mark.process
def test_a_folder_of_plugins_is_no_twisted(tmp_path: Path) -> None:
    """A `twisted/plugins` folder, a namespace package by itself, neither wins nor is it lost."""
    folder = tmp_path / "twisted" / "plugins"
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text("value = 5\n")
    other = tmp_path / "other"
    (other / "twisted" / "plugins").mkdir(parents=True)
    (other / "twisted" / "plugins" / "late.py").write_text("value = 6\n")
    out = run(
        f"""
        import plait.twisted
        import twisted
        print(plait.twisted.install())
        import twisted.plugins
        from twisted.plugins import mine
        from twisted.internet import defer
        print(mine.value, defer.__name__)
        before = len(list(twisted.plugins.__path__))
        sys.path.append({str(other)!r})
        from twisted.plugins import late
        print(late.value, len(list(twisted.plugins.__path__)) - before)
        """,
        tmp_path,
    )
    assert out == ["True", "5 plait.twisted.internet.defer", "6 1"]


@pytest.mark.process
def test_plugins_are_found_and_broken_ones_named(tmp_path: Path) -> None:
    """Plug-ins are found without a cache; a module that raises is named with its error."""
    folder = tmp_path / "twisted" / "plugins"
    folder.mkdir(parents=True)
    (folder / "good.py").write_text(
        "from zope.interface import implementer, Interface\n"
        "from twisted.plugin import IPlugin\n"
        "from kinds import IKind\n"
        "@implementer(IPlugin, IKind)\n"
        "class Good:\n    name = 'good'\n"
        "one = Good()\n"
    )
    (folder / "bad.py").write_text("raise ValueError('no such thing')\n")
    (tmp_path / "kinds.py").write_text(
        "from zope.interface import Interface\nclass IKind(Interface):\n    'A kind.'\n"
    )
    out = run(
        """
        import plait.twisted
        plait.twisted.install()
        from twisted import plugin
        from twisted.logger import globalLogPublisher, formatEvent, globalLogBeginner
        events = []
        globalLogBeginner.beginLoggingTo([events.append], redirectStandardIO=False)
        from kinds import IKind
        print([one.name for one in plugin.getPlugins(IKind)])
        print([one.name for one in plugin.getPlugins(IKind)])
        print(len(events), formatEvent(events[0]))
        print(*plugin.brokenPlugins())
        """,
        tmp_path,
    )
    assert out[:2] == ["['good']", "['good']"]
    assert out[2] == f"1 Plug-in {folder / 'bad.py'} cannot be imported"
    assert out[3] == f"{folder / 'bad.py'}: ValueError: no such thing"
    left = sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")
    assert left == ["bad.py", "good.py"], "no cache is written"


class IKind(Interface):
    """What the plug-ins of a package of the program's own are for."""


def test_packages_of_their_own_have_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program may keep plug-ins of its own in a package; classes and others are left out."""
    (tmp_path / "ownplugins").mkdir()
    (tmp_path / "ownplugins" / "__init__.py").touch()
    (tmp_path / "ownplugins" / "some.py").write_text(
        "class Plain: pass\none, two = Plain(), Plain()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import ownplugins  # type: ignore[import-not-found]  # made above
    import ownplugins.some as some  # type: ignore[import-not-found]  # made above

    directlyProvides(some.one, plugin.IPlugin, IKind)
    directlyProvides(some.two, IKind)
    assert list(plugin.getPlugins(IKind, ownplugins)) == [some.one]


def package_paths(w: Words) -> Any:
    return (
        w.plugin.pluginPackagePaths("encodings")[:1] == w.plugin.pluginPackagePaths("encodings")[:1]
    )


def from_file(w: Words, root: Path) -> Any:
    path = root / "app.tac"
    path.write_text("value = (__file__, __name__)\nclass C: pass\nmodule = C.__module__\n")
    out = [w.sob.loadValueFromFile(str(path), name) for name in ("value", "module")]
    path.with_suffix(".bad").write_text("x = \n")
    wrong = [
        w.outcome(w.sob.loadValueFromFile, str(path), "none")[:2],
        w.outcome(w.sob.loadValueFromFile, str(path.with_suffix(".bad")), "x")[:2],
        w.outcome(w.sob.loadValueFromFile, str(root / "none"), "x")[:2],
    ]
    types = [w.sob.guessType(f"a{end}") for end in (".tac", ".py", ".tap", ".tas", ".etac")]
    return [out, wrong, types, w.outcome(w.sob.guessType, "a.txt")]


def test_values_of_files_as_in_twisted(tmp_path: Path) -> None:
    """A file is run, and its variables found, as in Twisted."""
    agree(lambda w: from_file(w, tmp_path))


def test_saved_applications_are_refused() -> None:
    """
    Pickles are neither read nor written, and the error says what to do.

    The style is remembered.
    """
    kept = OURS.sob.Persistent(object(), "name")
    kept.setStyle("source")
    assert kept.style == "source"
    assert OURS.sob.IPersistable.providedBy(kept)
    for call in (lambda: kept.save(), lambda: OURS.sob.load("x.tap", "pickle")):
        with pytest.raises(NotImplementedError, match="run it with -y"):
            call()


def tree(root: Path) -> Path:
    for name in ("a/b/c.txt", "a/d.py", "e.txt", "f.tar.gz"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (root / "link").symlink_to(root / "a")
    return root


def names(w: Words, root: Path) -> Any:
    top = w.filepath.FilePath(str(root))
    one = top.child("a").child("d.py")
    out = [
        one.path,
        one.basename(),
        one.dirname(),
        one.parent() == top.child("a"),
        one.splitext(),
        one.sibling("x").path,
        one.siblingExtension(".x").path,
        one.segmentsFrom(top),
        top.descendant(["a", "b"]).path,
        top.preauthChild("a/b").path,
        repr(one),
        one < top.child("e"),
        one.asBytesMode().path,
        one.asBytesMode().asTextMode() == one,
        one.sep,
        hash(one) == hash(top.child("a").child("d.py")),
        len(list(one.parents())),
    ]
    bad = ["..", "../x", "a/b", "/etc"]
    refused = [w.outcome(top.child, name)[:2] for name in bad]
    return [
        out,
        refused,
        w.outcome(top.preauthChild, "../../x")[:2],
        w.outcome(top.segmentsFrom, one)[:2],
        w.outcome(one.segmentsFrom, one)[:2],
    ]


def facts(w: Words, root: Path) -> Any:
    top = w.filepath.FilePath(str(root))
    out = []
    for name in ("a", "e.txt", "link", "none"):
        one = top.child(name)
        out.append(
            [one.exists(), one.isdir(), one.isfile(), one.islink(), one.isabs(), one.isSocket()]
        )
    file = top.child("e.txt")
    out.append(
        [file.getsize(), file.getContent(), file.getModificationTime() > 0, file.getUserID()]
    )
    out.append(w.outcome(top.child("none").getsize)[:2])
    out.append(top.child("link").realpath() == top.child("a"))
    return out


def lists(w: Words, root: Path) -> Any:
    top = w.filepath.FilePath(str(root))
    walked = sorted(path.path for path in top.child("a").walk())
    return [
        sorted(top.listdir()),
        sorted(path.basename() for path in top.children()),
        sorted(path.basename() for path in top.globChildren("*.t*")),
        walked,
        sorted(p.path for p in top.walk(descend=lambda p: p.basename() != "a")),
        w.outcome(top.child("none").children)[:2],
        top.childSearchPreauth("x", "e.txt").path,
        top.childSearchPreauth("x"),
        top.child("e").siblingExtensionSearch(".no", ".txt").path,
        top.child("f").siblingExtensionSearch("*").path,
        top.child("e.txt").siblingExtensionSearch("").path,
    ]


def changes(w: Words, root: Path) -> Any:
    top = w.filepath.FilePath(str(root)).child(w.root)
    top.makedirs()
    top.makedirs(ignoreExistingDirectory=True)
    one = top.child("one")
    one.setContent(b"content")
    with one.open("a") as file:
        file.write(b" more")
    two = top.child("two")
    one.copyTo(two)
    two.moveTo(top.child("three"))
    top.child("dir").createDirectory()
    top.child("dir").child("x").touch()
    top.child("dir").copyTo(top.child("copy"))
    one.linkTo(top.child("link"))
    before = sorted(path.segmentsFrom(top) for path in top.walk() if path != top)
    top.child("copy").remove()
    top.child("link").remove()
    made = w.outcome(one.create)[:2]
    temporary = one.temporarySibling(".x").basename().endswith("one.x")
    return [
        before,
        sorted(top.listdir()),
        one.getContent(),
        made,
        temporary,
        w.outcome(top.makedirs)[:2],
    ]


PATHS: list[Any] = [names, facts, lists, changes]


@pytest.mark.parametrize("body", PATHS)
def test_paths_as_in_twisted(body: Any, tmp_path: Path) -> None:
    """What is done with paths ends as it does with Twisted."""
    root = tree(tmp_path)
    agree(lambda w: body(w, root))


def test_a_child_is_never_a_neighbour() -> None:
    """`/a/foobar` is not below `/a/foo`, though its name begins alike; Twisted lets it pass."""
    with pytest.raises(OURS.filepath.InsecurePath):
        OURS.filepath.FilePath("/a/foo").preauthChild("../foobar")
    assert OURS.filepath.FilePath("/").child("a").path == "/a"


def test_plugin_paths_as_in_twisted() -> None:
    """The folders of a package's plug-ins are those of Twisted's function."""
    body: Body = package_paths
    agree(body)


def test_every_public_name_of_ours_is_one_of_twisted_s_or_listed() -> None:
    """What our modules offer beyond Twisted's is a short list; no name changes its kind."""
    own = {
        "plugin": {"BrokenPlugin", "brokenPlugins", "installedPlugins"},
        "protocol": {"BaseProtocol"},
        "python": set(),
    }
    modules = [
        "address",
        "basic",
        "components",
        "defer",
        "error",
        "failure",
        "interfaces",
        "log",
        "logfile",
        "logger",
        "policies",
        "plugin",
        "protocol",
        "reflect",
        "sob",
        "task",
        "testing",
        "threads",
        "usage",
        "wire",
        "filepath",
        "lockfile",
    ]
    for name in modules:
        ours = getattr(OURS, name)
        theirs = getattr(Words("twisted"), name)
        for public in set(ours.__all__) - own.get(name, set()):
            assert hasattr(theirs, public), f"{name}.{public}"
            mine, real = getattr(ours, public), getattr(theirs, public)
            assert isinstance(mine, type) == isinstance(real, type), f"{name}.{public}"
            assert callable(mine) == callable(real), f"{name}.{public}"


# Public names of Twisted's modules that ours leave out, each on purpose: old, internal, or of no
# use here.
LEFT_OUT = {
    "plugin": {"getCache", "getPlugIns"},
    "reflect": {"findInstances", "isLike", "isOfType", "modgrep", "objgrep"},
}


@pytest.mark.parametrize(
    "name",
    [
        "components",
        "defer",
        "error",
        "logger",
        "protocol",
        "reflect",
        "task",
        "threads",
        "wire",
        "sob",
        "testing",
        "plugin",
    ],
)
def test_every_name_of_twisted_is_there_or_said_to_be_absent(name: str) -> None:
    """A name that Twisted's module exports is in ours, or said to be left out."""
    theirs = getattr(Words("twisted"), name)
    for public in theirs.__all__:
        if public.startswith("_Fake") or not hasattr(theirs, public):
            continue
        if public in LEFT_OUT.get(name, set()):
            with pytest.raises(AttributeError, match="left out of plait on purpose"):
                getattr(getattr(OURS, name), public)
        else:
            assert hasattr(getattr(OURS, name), public), f"{name}.{public}"


def test_comparing_values_is_not_fooled() -> None:
    """The comparison itself sees differences, and not those of the two names."""
    assert plain("plait.twisted.internet.defer") == plain("twisted.internet.defer")
    assert plain([1, "a", KeyError(2)]) == [1, "a", ["KeyError", [2]]]
    assert plain(OURS.defer.succeed(1)) != plain(OURS.defer.succeed(2))


def test_a_missing_library_is_told_with_what_brings_it() -> None:
    """Without zope.interface the first import of Twisted's names says which extra to install."""
    script = (
        "import sys; sys.modules['zope'] = None; import plait.twisted; "
        "plait.twisted.install(force=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    told = "needs zope.interface, which is not installed; run: pip install 'plait[twisted]'"
    assert told in done.stderr
