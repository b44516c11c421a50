"""The house rules hold, and the checks do find faults."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from .house import code, doors, names, tests
from .house.source import Module, read
from .house.tables import NEEDS_EXTRA

ROOT = Path(__file__).resolve().parent.parent
SOURCE = read(ROOT / "src")
TESTS = read(ROOT, "tests")

Check = Callable[[list[Module]], list[str]]
CHECKS: list[Check] = [
    doors.check_imports,
    doors.check_third_party,
    names.check_private_modules,
    names.check_all,
    code.check_sizes,
    code.check_words,
    code.check_ends,
]
EXTRA = re.compile(rf"({'|'.join(NEEDS_EXTRA)})(\.|$)".replace("plait.", r"plait\."))
PUBLIC = [
    module.name for module in SOURCE if module.is_public and not module.name.endswith("__main__")
]


def own_files() -> list[Path]:
    """Every text file that people wrote, outside the folders that tools make."""
    found = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".coverage"]
    for folder in ("src", "tests", "examples", "benchmarks", "docs", ".ci"):
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    kept = {".py", ".tac", ".toml", ".md", ".txt", ".yaml", ".yml", ".ini", ".cfg", ""}
    return [
        path
        for path in found
        if path.suffix in kept and not re.match(r"\.(coverage|git)", path.name)
    ]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_source_keeps_the_rules(check: Check) -> None:
    """The source tree keeps each rule, but for the exceptions named in the tables."""
    assert check(SOURCE) == []


def test_the_tests_keep_the_rules() -> None:
    """Each test states a fact; none sleeps unmarked, none patches."""
    assert tests.check_tests(TESTS) == []


def test_no_file_names_this_machine() -> None:
    """No file of the project names a folder of the machine it was written on."""
    assert code.check_machine_paths(own_files()) == []


def test_no_address_in_the_build_files() -> None:
    """What installs plait names no server: the machine's own settings say where packages are."""
    for name in ("Makefile", ".ci/run", ".ci/venv", "constraints.txt", ".pre-commit-config.yaml"):
        assert "://" not in (ROOT / name).read_text(), name


def test_public_names_are_documented() -> None:
    """All public names, and their public members, have a docstring."""
    modules = [importlib.import_module(name) for name in PUBLIC]
    assert names.check_docstrings(modules) == []


@pytest.mark.process
def test_star_import_in_a_bare_install() -> None:
    """`from plait.<room> import *` works in every room when no extra is installed."""
    script = f"""
        import sys
        bare = {{"plait", "click", "uvloop", *sys.stdlib_module_names}}
        class Bare:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] not in bare:
                    raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        sys.meta_path.insert(0, Bare())
        for name in {[name for name in PUBLIC if not EXTRA.match(name)]!r}:
            space = {{}}
            try:
                exec(f"from {{name}} import *", space)
            except Exception as error:
                print(f"{{name}}: {{type(error).__name__}}: {{error}}")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.stdout + done.stderr == ""


def plant(folder: Path, files: dict[str, str]) -> list[Module]:
    """Make a source tree with the given files below `plait` and read it."""
    for name, text in files.items():
        path = folder / "plait" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('"""Planted."""\n' + textwrap.dedent(text))
    return read(folder)


PLANTED: list[tuple[Check, str, str, str]] = [
    (
        doors.check_imports,
        "core/_a.py",
        "from plait.log import configure",
        "core may not import log",
    ),
    (doors.check_imports, "net/_a.py", "from ..log import x", "net may not import log"),
    (doors.check_imports, "runner/_a.py", "import plait.cli", "runner may not import cli"),
    (doors.check_imports, "events.py", "from .errors import PlaitError", "may not import errors"),
    (doors.check_imports, "core/_a.py", "def f():\n    import plait.net", "may not import net"),
    (
        doors.check_imports,
        "core/_a.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from plait.runner import run",
        "core may not import runner",
    ),
    (
        doors.check_imports,
        "runner/_a.py",
        "import importlib\nimportlib.import_module('plait.twisted')",
        "runner may not import twisted",
    ),
    (
        doors.check_imports,
        "services/web/_a.py",
        "from plait.services.dns import x",
        "services.web may not import services.dns",
    ),
    (doors.check_imports, "net/_a.py", "from plait import Service", "imports the package root"),
    (doors.check_imports, "net/_a.py", "import plait", "imports the package root"),
    (doors.check_imports, "net/_a.py", "from .. import Service", "imports the package root"),
    (doors.check_imports, "net/_a.py", "from plait.core._b import B", "private plait.core._b"),
    (doors.check_imports, "net/_a.py", "from plait.core import _b", "private plait.core"),
    (doors.check_imports, "__init__.py", "from .core._b import B as B", "private plait.core._b"),
    (doors.check_imports, "attic/__init__.py", "", "'attic' is not in the table"),
    (doors.check_third_party, "core/_a.py", "import attrs", "imports attrs from outside"),
    (doors.check_third_party, "runner/_a.py", "import uvloop", "imports uvloop from outside"),
    (names.check_private_modules, "core/service.py", "", "call it _service.py"),
    (names.check_private_modules, "core/_utils.py", "", "a drawer"),
    (names.check_all, "events.py", "__all__ = ['b', 'a']\na = b = 1", "not sorted"),
    (names.check_all, "events.py", "__all__ = ['a', 'a']\na = 1", "something twice"),
    (names.check_all, "events.py", "__all__ = ['a']\na = b = 1", "b is not in __all__"),
    (names.check_all, "events.py", "__all__ = ['a', 'b']\na = 1", "b is not there"),
    (names.check_all, "events.py", "class A:\n    pass", "has no __all__"),
    (
        names.check_all,
        "core/__init__.py",
        "from ._a import A\n__all__ = ['A']",
        "A is not there",
    ),
    (code.check_sizes, "core/_a.py", "x = 1\n" * 400, "401 lines, at most 400"),
    (
        code.check_sizes,
        "core/_a.py",
        "class A:\n    def f(self):\n" + "        x = 1\n" * 60,
        "plait.core._a.A.f: 61 lines, at most 60",
    ),
    (code.check_words, "core/_a.py", "x = 1  # TODO: more", ":2: TODO"),
    (code.check_ends, "core/_a.py", "import os\nos._exit(1)", "ends the process"),
    (code.check_ends, "cli/_a.py", "import sys\nsys.exit(1)", "ends the process"),
    (code.check_ends, "cli/_a.py", "from sys import exit", "ends the process"),
    (code.check_ends, "cli/_a.py", "raise SystemExit(2)", "ends the process"),
    (code.check_ends, "cli/_a.py", "assert port > 0", "assert that does not narrow"),
    (code.check_ends, "cli/_a.py", "assert port is not None, 'no port'", "does not narrow"),
]


@pytest.mark.parametrize(("check", "name", "text", "fault"), PLANTED)
def test_planted_faults_are_found(
    tmp_path: Path, check: Check, name: str, text: str, fault: str
) -> None:
    """Each rule finds a fault that was planted for it."""
    found = check(plant(tmp_path, {"core/_b.py": "", name: text}))
    assert fault in "\n".join(found)


def test_a_clean_tree_has_no_faults(tmp_path: Path) -> None:
    """A small tree that keeps the rules is passed by all of them but for unused exceptions."""
    tree = plant(
        tmp_path,
        {
            "__init__.py": "from .core import Service as Service\n__all__ = ['Service']",
            "__main__.py": "import sys\nsys.exit(0)",
            "core/__init__.py": "from ._a import Service as Service\n__all__ = ['Service']",
            "core/_a.py": "import asyncio\nclass Service:\n    pass\nassert Service is not None",
            "net/__init__.py": "def __getattr__(name): ...",
            "net/_a.py": "from plait.core import Service\nfrom ._b import x",
            "cli/__init__.py": "import click",
        },
    )
    found = [fault for check in CHECKS for fault in check(tree)]
    assert [fault for fault in found if "no longer needed" not in fault] == []


def test_an_exception_that_is_not_needed_is_a_fault(tmp_path: Path) -> None:
    """An exception from the size rules that nobody needs any more has to go."""
    assert "plait.errors: its exception is no longer needed" in code.check_sizes(
        plant(tmp_path, {"errors.py": ""})
    )


def test_missing_module_docstring_is_found(tmp_path: Path) -> None:
    """A module that does not say what it is for is a fault."""
    (tmp_path / "plait").mkdir()
    (tmp_path / "plait" / "_a.py").write_text("x = 1\n")
    assert code.check_words(read(tmp_path)) == ["plait._a: has no docstring"]


def test_machine_paths_are_found(tmp_path: Path) -> None:
    """A file that names a folder of somebody's machine is a fault."""
    file = tmp_path / "notes.md"
    folder = "/".join(["", "root", ""])
    file.write_text(f"fine\nsee {folder}notes\n")
    assert code.check_machine_paths([file]) == [f"notes.md:2: names {folder}"]


def test_undocumented_names_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Public functions, classes and members without a docstring are faults; overrides are not."""
    (tmp_path / "planted_docs.py").write_text(
        textwrap.dedent(
            '''
            from dataclasses import dataclass
            __all__ = ["A", "B", "C", "f"]
            class A:
                """Documented."""
                def said(self):
                    """Say it."""
                @property
                def silent(self): ...
                @classmethod
                def mute(cls): ...
                def _own(self): ...
            class B(A):
                """Documented."""
                def said(self): ...
            @dataclass
            class C:
                x: int
            def f(): ...
            '''
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert names.check_docstrings([importlib.import_module("planted_docs")]) == [
        "planted_docs.A.mute: has no docstring",
        "planted_docs.A.silent: has no docstring",
        "planted_docs.C: has no docstring",
        "planted_docs.f: has no docstring",
    ]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("def test_a(): pass", ["has no docstring"]),
        ("class TestA:\n    def test_a(self): pass", ["has no docstring"]),
        ("import time\ntime.sleep(1)", ["sleeps"]),
        ("import time\nasync def f(): await asyncio.sleep(delay)", ["sleeps"]),
        ("import time\nasync def f(): await asyncio.sleep(0)", []),
        ("from plait.testing import VirtualTimeLoop\nasync def f(): await asyncio.sleep(9)", []),
        ("from plait.testing import VirtualTimeLoop\ntime.sleep(9)", ["sleeps"]),
        ("@pytest.mark.process\ndef f(): time.sleep(1)", []),
        ("pytestmark = [pytest.mark.network]\ndef f(): time.sleep(1)", []),
        (
            "class TestA:\n    @pytest.mark.slow\n    def f(self): sleep(1)",
            [],
        ),
        ("from unittest.mock import Mock", ["imports a mock"]),
        ("mock.patch('plait.x')", ["patches"]),
    ],
)
def test_planted_faults_in_tests_are_found(tmp_path: Path, text: str, faults: list[str]) -> None:
    """Tests that say nothing, sleep on the real clock or patch are faults."""
    found = tests.check_tests(plant(tmp_path, {"test_a.py": text}))
    assert len(found) == len(faults)
    assert all(fault in line for fault, line in zip(faults, found, strict=True))
