"""The tree of exceptions is drawn as it is, and their texts help."""

from __future__ import annotations

import inspect
import re

import pytest

from plait import errors


def drawn() -> dict[str, str]:
    """Return each exception in the drawing on top of `plait.errors`, with the one above it."""
    above: dict[int, str] = {}
    parents: dict[str, str] = {}
    for line in (inspect.getdoc(errors) or "").splitlines():
        found = re.match(r"^    ([ │├└─]*)([A-Z]\w+)", line)
        if found:
            depth = len(found[1])
            parents[found[2]] = above.get(depth - 4, "")
            above[depth] = found[2]
    return parents


def test_the_tree_is_drawn_as_it_is() -> None:
    """Every exception is drawn below a base of its own, and none is drawn that is not there."""
    tree = drawn()
    for name, parent in tree.items():
        if parent:
            base = getattr(errors, parent, ExceptionGroup)
            assert issubclass(getattr(errors, name), base), f"{name} is not a {parent}"
    roots = {name for name, parent in tree.items() if not parent}
    assert roots == {"PlaitError", "ExceptionGroup"}
    mentioned = set(re.findall(r"\b[A-Z]\w+\b", inspect.getdoc(errors) or ""))
    assert set(errors.__all__) <= mentioned


def test_all_but_groups_are_errors_of_plait() -> None:
    """`except PlaitError` catches all of plait's errors, apart from the groups."""
    for name in errors.__all__:
        thing = getattr(errors, name)
        assert issubclass(thing, (errors.PlaitError, ExceptionGroup)), name


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.MissingExtra("cron=", "cronsim", "cron"), ["cron=", "cronsim", "plait[cron]"]),
        (errors.NotSupported("fork", "beos"), ["fork", "beos"]),
    ],
)
def test_texts_say_what_to_do(error: errors.PlaitError, words: list[str]) -> None:
    """What is missing is named, and so is what to do about it."""
    for word in words:
        assert word in str(error)
