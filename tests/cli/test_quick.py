"""The quick reading of the usual line comes to what click comes to."""

from __future__ import annotations

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait import __version__
from plait.cli._commands import group
from plait.cli._quick import quick_plan
from plait.runner import RunPlan, fields_of

_TOP = group(__version__)
_COMMAND = _TOP.get_command(click.Context(_TOP), "run")

_VALUES = st.sampled_from(
    [
        "shop.tac",
        "7",
        "1.5",
        "-1",
        "0",
        "uvloop",
        "json",
        "",
        "-",
        "--debug",
        "a b",
        "nan",
        "1e3",
        "é",
    ]
)
_FLAGS = st.sampled_from(
    [field.flag for field in fields_of()] + ["--lo", "--help", "-h", "--", "--no-such", "-x"]
)
_WORDS = st.lists(st.one_of(_VALUES, _FLAGS, st.tuples(_FLAGS, _VALUES).map("=".join)), max_size=6)
_ENVIRONMENT = st.dictionaries(
    st.sampled_from([field.variable for field in fields_of()]), _VALUES, max_size=2
)


def by_click(words: list[str], environment: dict[str, str]) -> RunPlan | None:
    """Return the plan by click; None where it refuses or shows a help."""
    assert _COMMAND is not None
    with pytest.MonkeyPatch.context() as patched:
        for field in fields_of():
            patched.delenv(field.variable, raising=False)
        for name, value in environment.items():
            patched.setenv(name, value)
        try:
            with _COMMAND.make_context("run", list(words)) as context:
                return RunPlan(**context.params)
        except (click.ClickException, click.exceptions.Exit):
            return None


@settings(deadline=None)  # a loaded machine is no fault
@given(words=_WORDS, environment=_ENVIRONMENT)
def test_it_agrees_with_click(words: list[str], environment: dict[str, str]) -> None:
    """Whatever is read quickly is read by click in the same way."""
    quick = quick_plan(words, environment)
    if quick is not None:
        assert quick == by_click(words, environment)


@pytest.mark.parametrize(
    "words",
    [
        ["shop.tac"],
        ["--loop", "asyncio", "shop.tac", "--debug"],
        ["shop.tac", "--log-level=debug", "--log-level", "db=info"],
        ["--stop-timeout", "1.5", "--log-keep=3", "pkg.mod:app"],
    ],
)
def test_the_usual_lines_are_read(words: list[str]) -> None:
    """The lines that people write are read without click."""
    assert quick_plan(words, {"PLAIT_LOG_FORMAT": "json"}) == by_click(
        words, {"PLAIT_LOG_FORMAT": "json"}
    )
    assert quick_plan(words, {}) is not None


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--help"],
        ["a", "b"],
        ["--loop", "gevent", "a"],
        ["--lo", "asyncio", "a"],
        ["a", "--chdir"],
        ["a", "--log-keep", "-1"],
    ],
)
def test_the_unusual_is_left_to_click(words: list[str]) -> None:
    """Help, mistakes and abbreviations are click's."""
    assert quick_plan(words, {}) is None
