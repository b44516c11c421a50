"""The page on the design shows the house as it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import plait
from plait.core import MOVES
from tests.house.tables import MAY_IMPORT

PACKAGE = Path(plait.__file__).parent
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "design.md").read_text(encoding="utf-8")

ROW = re.compile(r"^\| `([\w/]+\.py)` \| (.+?) \| (.+) \|$", re.M)
NAME = re.compile(r"`([\w.]+)`")
ASIDE = re.compile(r"`([\w/]+\.py)`")


def names_in(file: Path) -> set[str]:
    """Return the functions of a module, and its methods as `Class.method`."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            inner = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
            found |= {f"{node.name}.{method.name}" for method in inner}
    return found


def test_the_states_are_drawn_as_they_are() -> None:
    """Every arrow between states is a move of the table, and every move is drawn."""
    drawn = re.findall(r"^    ([A-Z]+) --> ([A-Z]+)", PAGE, re.M)
    moves = [(state.name, after.name) for state, following in MOVES.items() for after in following]
    assert sorted(drawn) == sorted(moves)


def test_every_step_is_where_the_page_says() -> None:
    """Each function that a request or a failure is followed through stands in its file."""
    rows = ROW.findall(PAGE)
    assert len(rows) > 30
    for file, functions, _ in rows:
        named = set(NAME.findall(functions))
        assert named, f"{file}: {functions}"
        assert named <= names_in(PACKAGE / file), file
    for file in ASIDE.findall(PAGE):
        assert (PACKAGE / file).is_file(), file


def test_the_table_of_rooms_is_complete() -> None:
    """The page describes each room that there is, and no other."""
    table = PAGE.partition("| room |")[2].partition("\n\n")[0]
    described = {
        name for cell in re.findall(r"^\| (`.+?) \|", table, re.M) for name in NAME.findall(cell)
    }
    there = {
        room
        for room in MAY_IMPORT
        if (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").is_file()
    }
    assert described == there
