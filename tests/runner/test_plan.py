"""The plan: every option once."""

from __future__ import annotations

import pytest

from plait.log import LogPlan
from plait.runner import RunPlan, fields_of


def test_a_plan_does_not_change() -> None:
    """A plan is frozen."""
    with pytest.raises(AttributeError):
        RunPlan().loop = "asyncio"  # type: ignore[misc]  # that is what is tested


def test_every_option_is_described() -> None:
    """Each option has a help text that ends as a sentence, and a metavar where it takes a value."""
    for field in fields_of():
        assert field.option.help.endswith("."), field.name
        assert bool(field.option.metavar) == (field.type is not bool), field.name


def test_only_the_target_and_the_manner_are_no_options() -> None:
    """Every field but two is an option."""
    options = {field.name for field in fields_of()}
    assert set(RunPlan._fields) - options == {"target", "as_twistd"}


def test_the_names_follow_from_the_field() -> None:
    """Flag and environment variable are derived from the field's name."""
    field = next(field for field in fields_of() if field.name == "start_timeout")
    assert (field.flag, field.variable) == ("--start-timeout", "PLAIT_START_TIMEOUT")
    assert field.type is float
    assert field.default is None


def test_the_log_takes_its_part() -> None:
    """The plan's part for the log has the log's own defaults."""
    assert RunPlan().log == LogPlan()
    assert RunPlan(log_format="json").log.log_format == "json"
