"""
The usual `plait run` line, read without click.

Importing click and making its options takes a sixth of the time from exec to the first accepted
connection. So a line that says nothing unusual is read here, by the same fields of the plan;
whatever is not understood (help, a mistake, an abbreviation) is left to click, which then says the
same or says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plait.runner import Field, RunPlan, fields_of, is_described

__all__ = ["quick_plan"]


class _Unusual(Exception):
    """Something for click."""


def quick_plan(words: Sequence[str], environment: Mapping[str, str]) -> RunPlan | None:
    """
    Return the plan for the words after `run`.

    Args:
        words:
            The options and the target.
        environment:
            Where the options' variables are.

    Returns:
        The plan that click would come to as well; None when click has to look.
    """
    fields = {field.flag: field for field in fields_of()}
    try:
        values = _from_environment(fields.values(), environment)
        values |= _from_words(fields, iter(words))
    except (_Unusual, ValueError):
        return None
    target = values.get("target")
    # What a file says depends on which options were given, which click tells.
    return None if target is None or is_described(target) else RunPlan(**values)


def _from_words(fields: Mapping[str, Field], words: Iterator[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for word in words:
        if not word.startswith("-"):
            if "target" in values:
                raise _Unusual
            values["target"] = word
            continue
        flag, equals, value = word.partition("=")
        field = fields.get(flag)
        if field is None or (field.type is bool and equals):
            raise _Unusual
        if field.type is bool:
            values[field.name] = True
            continue
        if not equals:
            value = next(words, "--")
            if value.startswith("-") and value != "-":
                raise _Unusual
        if field.type is tuple:
            values[field.name] = (*values.get(field.name, ()), value)
        else:
            values[field.name] = _value(field, value)
    return values


def _from_environment(fields: Any, environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields:
        text = environment.get(field.variable)
        if not text:
            continue
        if field.type is bool:
            raise _Unusual
        values[field.name] = tuple(text.split()) if field.type is tuple else _value(field, text)
    return values


def _value(field: Field, text: str) -> Any:
    if field.type is str:
        if field.option.choices and text not in field.option.choices:
            raise _Unusual
        return text
    number = field.type(text)
    if not 0 <= number < float("inf"):
        raise _Unusual
    return number
