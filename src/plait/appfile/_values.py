"""Values that stand elsewhere: in the environment, in a file of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from plait.errors import BadDescription

__all__ = ["Resolved", "resolve"]

# Names of variables whose values are not shown.
_SECRET = re.compile(r"PASS|SECRET|TOKEN|CREDENTIAL|PRIVATE|KEY$", re.IGNORECASE)
_SUBSTITUTION = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([-?])([^}]*))?\}|\$\{")


class Resolved(NamedTuple):
    """
    A value with what stood elsewhere put in.

    Args:
        value:
            The value.
        origins:
            Where parts of it came from, such as `environment PORT`.
        secret:
            Whether a part of it was read from a file of its own, or from a variable such as
            `DB_PASSWORD`.
    """

    value: Any
    origins: tuple[str, ...] = ()
    secret: bool = False


def resolve(file: str, line: int, key: str, value: Any, environment: Mapping[str, str]) -> Resolved:
    """
    Put in what stands elsewhere.

    That is `${NAME}`, `${NAME:-default}` and `${NAME:?what to do}` in texts, and in their place
    `{ file = "PATH" }`.

    Args:
        file:
            The file, for errors, and for paths relative to it.
        line:
            The line, for errors.
        key:
            The key, for errors.
        value:
            What TOML makes of it.
        environment:
            Where variables are.

    Raises:
        BadDescription: A variable is not set, or a file cannot be read.
    """
    if isinstance(value, str):
        origins: list[str] = []

        def put(found: re.Match[str]) -> str:
            if found[0] == "$${":
                return "${"
            if found[1] is None:
                raise BadDescription(
                    file,
                    line,
                    f"{key} has a ${{ that is neither ${{NAME}} nor ${{NAME:-default}}; "
                    "write $${ for a plain one",
                )
            name = found[1]
            if environment.get(name):
                origins.append(f"environment {name}")
                return environment[name]
            if found[2] == "-":
                origins.append(f"default of {name}")
                return found[3]
            if found[2] == "?":
                why = found[3] or "set it"
                raise BadDescription(file, line, f"{key}: the variable {name} is not set: {why}")
            if name in environment:
                origins.append(f"environment {name}")
                return ""
            raise BadDescription(
                file,
                line,
                f"{key}: the variable {name} is not set; set it, or write ${{{name}:-…}}",
            )

        text = _SUBSTITUTION.sub(put, value)
        secret = any(
            origin.startswith("environment ") and _SECRET.search(origin) for origin in origins
        )
        return Resolved(text, tuple(origins), secret)
    if isinstance(value, dict) and set(value) == {"file"} and isinstance(value["file"], str):
        path = resolve(file, line, key, value["file"], environment).value
        return Resolved(_content(file, line, key, path), (f"file {path}",), True)
    if isinstance(value, list):
        parts = [resolve(file, line, key, item, environment) for item in value]
        return _joined([part.value for part in parts], parts)
    if isinstance(value, dict):
        inner = {k: resolve(file, line, f"{key}.{k}", v, environment) for k, v in value.items()}
        return _joined({k: part.value for k, part in inner.items()}, list(inner.values()))
    return Resolved(value)


def _joined(value: Any, parts: list[Resolved]) -> Resolved:
    origins = dict.fromkeys(origin for part in parts for origin in part.origins)
    return Resolved(value, tuple(origins), any(part.secret for part in parts))


def _content(file: str, line: int, key: str, path: str) -> str:
    place = os.path.join(os.path.dirname(os.path.abspath(file)), path)
    try:
        with open(place, encoding="utf-8") as stream:
            return stream.read().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadDescription(file, line, f"{key}: the file {path} cannot be read: {why}") from None
