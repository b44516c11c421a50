"""The levels of log events, and the base of named constants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

__all__ = ["Constant", "Constants", "InvalidLogLevelError", "LogLevel"]


class Constant:
    """
    One named constant of a family; those of one family are ordered as they were defined.

    Args:
        family: The family's name.
        name: The constant's name.
        index: Its place.
    """

    __slots__ = ("_index", "family", "name")

    def __init__(self, family: str, name: str, index: int) -> None:
        self.family = family
        self.name = name
        self._index = index

    def __repr__(self) -> str:
        return f"<{self.family}={self.name}>"

    def _other(self, other: object) -> int | None:
        if isinstance(other, Constant) and other.family == self.family:
            return other._index
        return None

    def __lt__(self, other: object) -> bool:
        index = self._other(other)
        return NotImplemented if index is None else self._index < index

    def __le__(self, other: object) -> bool:
        index = self._other(other)
        return NotImplemented if index is None else self._index <= index

    def __gt__(self, other: object) -> bool:
        index = self._other(other)
        return NotImplemented if index is None else self._index > index

    def __ge__(self, other: object) -> bool:
        index = self._other(other)
        return NotImplemented if index is None else self._index >= index

    def __reduce__(self) -> tuple[Any, ...]:
        return (_find, (self.family, self.name))


_families: dict[str, type[Constants]] = {}


def _find(family: str, name: str) -> Constant:
    return _families[family].lookupByName(name)


class Constants:
    """A family of named constants, the class attributes of a subclass named in `_names`."""

    _names: ClassVar[tuple[str, ...]] = ()
    _constants: ClassVar[dict[str, Constant]] = {}

    def __init_subclass__(cls) -> None:
        _families[cls.__name__] = cls
        cls._constants = {}
        for index, name in enumerate(cls._names):
            constant = cls._constants[name] = Constant(cls.__name__, name, index)
            setattr(cls, name, constant)

    @classmethod
    def iterconstants(cls) -> Iterator[Constant]:
        """Return an iterator over the constants in their order."""
        return iter(cls._constants.values())

    @classmethod
    def lookupByName(cls, name: str) -> Constant:
        """
        Return the constant of a name.

        Raises:
            ValueError: There is none.
        """
        try:
            return cls._constants[name]
        except KeyError:
            raise ValueError(name) from None


class InvalidLogLevelError(Exception):
    """
    Something that is no log level was given as one.

    Args:
        level: What was given.
    """

    def __init__(self, level: object) -> None:
        super().__init__(str(level))
        self.level = level


class LogLevel(Constants):
    """The levels, from `debug` to `critical`."""

    _names = ("debug", "info", "warn", "error", "critical")

    debug: ClassVar[Constant]
    info: ClassVar[Constant]
    warn: ClassVar[Constant]
    error: ClassVar[Constant]
    critical: ClassVar[Constant]

    @classmethod
    def levelWithName(cls, name: str) -> Constant:
        """
        Return the level of a name.

        Raises:
            InvalidLogLevelError: There is none.
        """
        try:
            return cls.lookupByName(name)
        except ValueError:
            raise InvalidLogLevelError(name) from None
