"""Naming the service in what shows a stack, also where only frames can be seen."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import ParamSpec, TypeVar, cast

__all__ = ["label_stacks", "labelled"]

P = ParamSpec("P")
R = TypeVar("R")

_wanted = False


def label_stacks(wanted: bool) -> None:
    """
    Say whether somebody writes stacks from C and so wants labels in them, as the runner does.

    Args:
        wanted:
            Whether `labelled` is to label from now on, which takes it two microseconds.
    """
    global _wanted
    _wanted = wanted


def labelled(function: Callable[P, R], path: str) -> Callable[P, R]:
    """
    Return a copy of a function that stacks show as `service PATH`, if that is wanted.

    While C code holds the interpreter nobody can look whose task it runs in; what `faulthandler`
    writes are the names of the functions, so one of them is to say it.

    Args:
        function:
            A plain function of Python, best a short one: its code is copied.
        path:
            The path of the service that it works for.
    """
    if not _wanted:
        return function
    original = cast("FunctionType", function)
    label = f"service {path}"
    code = original.__code__.replace(co_name=label, co_qualname=label)
    copy = FunctionType(
        code, original.__globals__, label, original.__defaults__, original.__closure__
    )
    return cast("Callable[P, R]", copy)
