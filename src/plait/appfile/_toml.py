"""Applications in TOML."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from plait.core import Restart
from plait.errors import BadDescription, BadSetting, UnknownSetting, UsageError
from plait.plugins import Kind, Parameter, Setting, Shape, kind

from ._description import SECRET, Description, Found, Node
from ._lines import Keys, key_lines
from ._values import Resolved, resolve

__all__ = ["read_toml"]


def _parameter(name: str, base: type, item: type = str) -> Parameter:
    return Parameter(name, Shape(base, item), None, False, Setting())


#: What every service may be given.
_COMMON = {
    "needs": _parameter("needs", tuple),
    "start_timeout": _parameter("start_timeout", float),
    "stop_timeout": _parameter("stop_timeout", float),
}
_RESTART = ("initial", "factor", "maximum", "jitter", "limit", "half_life")


def read_toml(
    file: str,
    text: str,
    options: Mapping[str, Mapping[str, Parameter]],
    environment: Mapping[str, str],
) -> Description:
    """Return the description that a TOML file holds; see `read()`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        problem = str(error)[: place.start()] if place else str(error)
        raise BadDescription(file, line, f"this is no TOML: {problem}") from None
    return _Reader(file, key_lines(text), options, environment).read(data)


class _Reader:
    """
    Reads one file.

    Args:
        file:
            The file.
        lines:
            Where the keys stand.
        options:
            The options of a run.
        environment:
            Where variables are.
    """

    def __init__(
        self,
        file: str,
        lines: Mapping[Keys, int],
        options: Mapping[str, Mapping[str, Parameter]],
        environment: Mapping[str, str],
    ) -> None:
        self._file, self._lines = file, lines
        self._options, self._environment = options, environment

    def read(self, data: dict[str, Any]) -> Description:
        """Return the description."""
        known = ["name", *self._options, "services"]
        for key in data:
            if key not in known:
                raise UnknownSetting(self._place((key,)), key, known)
        stem = os.path.splitext(os.path.basename(self._file))[0]
        name = self._take((), "name", _parameter("name", str), data).value if "name" in data else ""
        found: dict[str, Found] = {}
        for table, parameters in self._options.items():
            given = self._table((table,), data.get(table, {}))
            for key in given:
                if key not in parameters:
                    raise UnknownSetting(self._place((table, key), table), key, list(parameters))
                value = self._take((table,), key, parameters[key], given)
                found[parameters[key].name] = value
        return Description(name or stem, self._file, found, self._nodes(("services",), data))

    def _nodes(self, keys: Keys, data: dict[str, Any]) -> tuple[Node, ...]:
        services = self._table(keys, data.get("services", {}))
        return tuple(
            self._node((*keys, name), name, self._table((*keys, name), value))
            for name, value in services.items()
        )

    def _node(self, keys: Keys, name: str, data: dict[str, Any]) -> Node:
        place = self._place(keys, ".".join(keys))
        if not name or "/" in name:
            raise BadDescription(self._file, self._line(keys), f"{name!r} is no name of a service")
        known = self._kind(keys, data)
        shown, common = {}, {}
        for key, parameter in _COMMON.items():
            if key in data:
                shown[key] = self._take(keys, key, parameter, data)
                common[key] = shown[key].value
        restart = self._restart((*keys, "restart"), data["restart"]) if "restart" in data else None
        if restart is not None:
            shown["restart"] = Found(restart, self._origin((*keys, "restart")), str(restart))
        nodes: tuple[Node, ...] = ()
        values: dict[str, Any] = {}
        parameters = {} if known is None else {p.key: p for p in known.parameters.values()}
        for key in data:
            if key in ("kind", "restart", *_COMMON):
                continue
            if key == "services" and known is None:
                nodes = self._nodes((*keys, "services"), data)
            elif key in parameters:
                shown[key] = self._take(keys, key, parameters[key], data)
                values[parameters[key].name] = shown[key].value
            else:
                there = [*(parameters or ["services"]), "kind", *_COMMON, "restart"]
                raise UnknownSetting(self._place((*keys, key), ".".join(keys)), key, there)
        for parameter in parameters.values():
            if parameter.required and parameter.name not in values:
                raise BadSetting(place, parameter.key, BadSetting.MISSING, parameter.expected)
        return Node(name, place, known, values, restart=restart, shown=shown, nodes=nodes, **common)

    def _kind(self, keys: Keys, data: dict[str, Any]) -> Kind | None:
        if "kind" not in data and "services" in data:
            return None
        name = data.get("kind")
        if name == "group":
            return None
        if not isinstance(name, str):
            found = BadSetting.MISSING if name is None else name
            where = self._place((*keys, "kind"), ".".join(keys))
            raise BadSetting(
                where, "kind", found, "one that `plait services` lists, or a table of services"
            )
        try:
            return kind(name)
        except UsageError as error:
            where = self._place((*keys, "kind"), ".".join(keys))
            raise UsageError(where, f"kind {error.option!r}: {error.problem}") from error

    def _restart(self, keys: Keys, value: Any) -> Restart | None:
        if isinstance(value, bool):
            return Restart() if value else None
        place = self._place(keys, ".".join(keys[:-1]))
        if not isinstance(value, dict):
            raise BadSetting(
                place, "restart", value, f"true, false, or a table of {', '.join(_RESTART)}"
            )
        numbers: dict[str, Any] = {}
        for key in value:
            if key not in _RESTART:
                raise UnknownSetting(self._place((*keys, key), ".".join(keys)), key, _RESTART)
            if key == "limit" and value[key] == float("inf"):
                numbers[key] = None
            else:
                numbers[key] = self._take(keys, key, _parameter(key, float), value).value
        try:
            return Restart(**numbers)
        except ValueError as error:
            raise UsageError(place, f"restart: {error}") from None

    def _take(self, keys: Keys, key: str, parameter: Parameter, data: dict[str, Any]) -> Found:
        where = (*keys, key)
        dotted = ".".join(where)
        raw = data[key]
        parameter = parameter._replace(name=key)  # as it is called in the file
        put = resolve(self._file, self._line(where), dotted, raw, self._environment)
        owner = self._place(where, ".".join(keys))
        value = self._typed(owner, parameter, raw, put)
        text = SECRET if put.secret else parameter.show(value)
        return Found(value, ", ".join((self._origin(where), *put.origins)), text)

    @staticmethod
    def _typed(owner: str, parameter: Parameter, raw: Any, put: Resolved) -> Any:
        if isinstance(raw, dict) and isinstance(put.value, str) and parameter.shape.base is dict:
            put = Resolved(raw)  # a table with the one name `file`, and no secret
        scalar = parameter.shape.base in (int, float, bool)
        try:
            if scalar and put.origins and isinstance(put.value, str):
                return parameter.parse(owner, put.value)
            return parameter.take(owner, put.value)
        except BadSetting as error:
            if put.secret:
                raise BadSetting(owner, parameter.key, "a secret", parameter.expected) from None
            raise error

    def _table(self, keys: Keys, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            problem = f"{'.'.join(keys)} is {value!r}; expected a table, [{'.'.join(keys)}]"
            raise BadDescription(self._file, self._line(keys), problem)
        return value

    def _line(self, keys: Keys) -> int:
        while keys and keys not in self._lines:
            keys = keys[:-1]
        return self._lines.get(keys, 1)

    def _origin(self, keys: Keys) -> str:
        return f"{self._file}:{self._line(keys)}"

    def _place(self, keys: Keys, owner: str = "") -> str:
        return f"{self._origin(keys)}: {owner}" if owner else self._origin(keys)
