"""The options of a ready-made service: their types, and how texts and file values become values."""

from __future__ import annotations

import math
import os
import shlex
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from plait.errors import BadSetting

__all__ = ["Parameter", "Setting", "Shape", "shape_of"]


class Setting(NamedTuple):
    """
    How a parameter looks to a user; written as `Annotated[float, Setting(metavar="SECONDS")]`.

    Args:
        help:
            What it is; what the docstring says under `Args:` when empty.
        metavar:
            What stands for the value in the help, such as `SECONDS`.
        words:
            Whether it is a command line: a text is split as a shell does, and on the command line
            it is what follows the options.
        secret:
            Whether its value is never shown.
    """

    help: str = ""
    metavar: str = ""
    words: bool = False
    secret: bool = False


class Shape(NamedTuple):
    """
    The type of an option's value.

    Args:
        base:
            `str`, `bool`, `int`, `float`, `Path`, `tuple` (a list) or `dict` (names and texts).
        item:
            Of a list, the type of its items.
        choices:
            The only values allowed; empty when anything goes.
    """

    base: type
    item: type = str
    choices: tuple[str, ...] = ()


_PLAIN = (str, bool, int, float, Path)

_WORDS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


def shape_of(hint: Any) -> Shape | None:
    """
    Return the shape that a type hint stands for, or None when no option can have it.

    Args:
        hint:
            One of str, bool, int, float, Path; a Literal of texts; `tuple[X, ...]`, `list[X]` or
            `Sequence[X]` of those; a mapping of texts to texts; or one of them `| None`.
    """
    if hint in _PLAIN:
        return Shape(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal and all(isinstance(choice, str) for choice in inner):
        return Shape(str, choices=inner)
    if origin in (Union, types.UnionType):
        for choice in inner:  # the first that an option can have
            shape = None if choice is type(None) else shape_of(choice)
            if shape is not None:
                return shape
    if origin in (tuple, list, Sequence) and inner and inner[0] in _PLAIN:
        return Shape(tuple, inner[0])
    if origin in (dict, Mapping) and inner == (str, str):
        return Shape(dict)
    return None


class Parameter(NamedTuple):
    """
    One option of a kind of service.

    Args:
        name:
            The parameter's name in Python.
        shape:
            The type of its value.
        default:
            Its value when nobody gives one.
        required:
            Whether somebody has to.
        setting:
            How it looks to a user.
    """

    name: str
    shape: Shape
    default: Any
    required: bool
    setting: Setting

    @property
    def key(self) -> str:
        """Its name in files, such as `stop_signal`."""
        return self.name.rstrip("_")

    @property
    def flag(self) -> str:
        """Its name on the command line, such as `--stop-signal`."""
        return "--" + self.key.replace("_", "-")

    @property
    def metavar(self) -> str:
        """What stands for its value."""
        by_type = {int: "N", float: "NUMBER", Path: "PATH", dict: "NAME=VALUE", bool: ""}
        shape = self.shape
        kind = shape.item if shape.base is tuple else shape.base
        if shape.choices:
            return "|".join(shape.choices)
        return self.setting.metavar or by_type.get(kind, self.key.upper())

    @property
    def expected(self) -> str:
        """What a value may be, for errors."""
        shape = self.shape
        if shape.choices:
            return " or ".join(repr(choice) for choice in shape.choices)
        if self.setting.words:
            return "a command: a text, or a list of texts"
        if shape.base is tuple:
            return f"a list, each item {_WORDS.get(shape.item, 'a path')}"
        if shape.base is dict:
            return "a table of names and texts or whole numbers"
        return _WORDS.get(shape.base, "a path")

    def parse(self, owner: str, text: str) -> Any:
        """
        Return the value for a text, as from the command line or the environment.

        Args:
            owner:
                The name of the service, for the error.
            text:
                The text.

        Raises:
            BadSetting: It cannot be such a value.
        """
        shape = self.shape
        if self.setting.words:
            return self._split(owner, text)
        if shape.base is tuple:
            return (self._one(owner, shape.item, text),)
        if shape.base is dict:
            name, equals, value = text.partition("=")
            if not equals or not name:
                raise BadSetting(owner, self.key, text, "NAME=VALUE")
            return {name: value}
        return self._one(owner, shape.base, text)

    def take(self, owner: str, value: Any) -> Any:
        """
        Return the value for what a file says.

        Args:
            owner:
                The name of the service, for the error.
            value:
                What TOML makes of it: text, number, truth value, list or table.

        Raises:
            BadSetting: It is of another type, or none of the choices.
        """
        shape = self.shape
        if self.setting.words and isinstance(value, str):
            return self._split(owner, value)
        if shape.base is tuple:
            if not isinstance(value, list | tuple):
                like = f': ["{value}"]' if isinstance(value, str) else ""
                raise BadSetting(owner, self.key, value, self.expected + like)
            return tuple(self._typed(owner, shape.item, item) for item in value)
        if shape.base is dict:
            if not isinstance(value, dict) or not all(map(_is_text, value.values())):
                raise BadSetting(owner, self.key, value, self.expected)
            return {name: str(text) for name, text in value.items()}
        return self._typed(owner, shape.base, value)

    def show(self, value: Any) -> str:
        """Return a value for people; a secret is not shown."""
        if self.setting.secret and value:
            return "(secret)"
        if self.setting.words and isinstance(value, tuple):
            return shlex.join(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, tuple):
            return "[" + ", ".join(_quoted(item) for item in value) + "]"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k} = {_quoted(v)}" for k, v in value.items()) + "}"
        return "-" if value is None else _quoted(value)

    def _split(self, owner: str, text: str) -> tuple[str, ...]:
        try:
            return tuple(shlex.split(text))
        except ValueError as error:
            raise BadSetting(owner, self.key, text, f"a command ({error})") from None

    def _one(self, owner: str, kind: type, text: str) -> Any:
        if kind is bool:
            known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            if text.lower() not in known:
                raise BadSetting(owner, self.key, text, self.expected)
            return known[text.lower()]
        if kind in (int, float):
            try:
                return self._typed(owner, kind, kind(text))
            except ValueError:
                raise BadSetting(owner, self.key, text, self.expected) from None
        return self._typed(owner, kind, text)

    def _typed(self, owner: str, kind: type, value: Any) -> Any:
        if kind is Path and isinstance(value, str | os.PathLike):
            return Path(value)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not fits or (self.shape.choices and value not in self.shape.choices):
            raise BadSetting(owner, self.key, value, self.expected)
        if kind is float and not math.isfinite(value):
            raise BadSetting(owner, self.key, value, self.expected)
        return value


def _is_text(value: object) -> bool:
    """Return whether a value of a table is a text, or a whole number, which is as good as one."""
    return isinstance(value, str | int) and not isinstance(value, bool)


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str | Path) else str(value)
