"""
Frozen records with named fields, made without generating code.

A dataclass writes and compiles source for every class; a process that loads thirty of them pays
several milliseconds at each start. `Record` reads the fields once and has one `__init__` for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

if TYPE_CHECKING:
    from inspect import Signature

__all__ = ["Record"]

_MISSING = object()


class _RecordSignature:
    """The signature of a record's class for `help()` and editors, made when somebody asks."""

    def __get__(self, record: Record | None, kind: type[Record]) -> Signature:
        from inspect import Parameter, Signature

        defaults = kind._field_defaults
        return Signature(
            [
                Parameter(
                    name,
                    Parameter.POSITIONAL_OR_KEYWORD,
                    default=defaults.get(name, Parameter.empty),
                    annotation=annotation,
                )
                for name, annotation in kind._field_types.items()
            ]
        )


@dataclass_transform(frozen_default=True)
class Record:
    """
    A frozen value whose fields are the annotated names of its class, the base classes' first.

    It is written as a frozen dataclass is, without the decorator: `name: type` or
    `name: type = default`, `ClassVar` for what is no field, `__post_init__` for checks. Records of
    one class that hold the same are equal, and have the same hash.

    Args:
        values:
            The fields, in the order of the class.
        named:
            The fields by name.

    Raises:
        TypeError:
            A field has no value, has two, or is not known.
    """

    __signature__: ClassVar = _RecordSignature()
    _fields: ClassVar[tuple[str, ...]] = ()
    _field_types: ClassVar[dict[str, Any]] = {}
    _field_defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        types = dict(cls._field_types)
        defaults = dict(cls._field_defaults)
        for name, kind in cls.__annotations__.items():
            if "ClassVar" in str(kind):
                continue
            types[name] = kind
            if (default := cls.__dict__.get(name, _MISSING)) is not _MISSING:
                defaults[name] = default
        cls._field_types = types
        cls._field_defaults = defaults
        cls._fields = tuple(types)
        type.__setattr__(cls, "__match_args__", cls._fields)  # mypy has made its own already

    def __init__(self, *values: Any, **named: Any) -> None:
        cls = type(self)
        names = cls._fields
        given = self.__dict__
        given.update(zip(names, values, strict=False))
        if len(values) > len(names) or not given.keys().isdisjoint(named):
            raise TypeError(f"{cls.__name__} takes {', '.join(names)}, each once")
        given.update(named)
        if named or len(given) < len(names):
            for name, default in cls._field_defaults.items():
                given.setdefault(name, default)
            if given.keys() != cls._field_types.keys():
                raise cls._mismatch(given)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the fields; a record that has something to refuse does it here."""

    @classmethod
    def _mismatch(cls, given: dict[str, Any]) -> TypeError:
        known = cls._field_types
        missing = [name for name in known if name not in given]
        if missing:
            return TypeError(f"{cls.__name__} needs {', '.join(missing)}")
        unknown = [name for name in given if name not in known]
        return TypeError(f"{cls.__name__} has no {', '.join(unknown)}; it has {', '.join(known)}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; {name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.fields().values()))

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.fields().items())
        return f"{type(self).__name__}({given})"

    def fields(self) -> dict[str, Any]:
        """Return the fields by name, in the order of the class."""
        return {name: getattr(self, name) for name in self._fields}

    def changed(self) -> dict[str, Any]:
        """Return the fields that do not have their default value, by name."""
        defaults = self._field_defaults
        return {
            name: value
            for name, value in self.fields().items()
            if name not in defaults or value != defaults[name]
        }

    def replace(self, **changes: Any) -> Self:
        """
        Return a copy with some fields changed.

        Args:
            changes:
                New values by field name.

        Returns:
            A record of the same class.

        Raises:
            TypeError:
                A name is not that of a field.
        """
        return type(self)(**{**self.fields(), **changes})
