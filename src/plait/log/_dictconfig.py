"""A logging configuration of the user's own, from a TOML or JSON file."""

from __future__ import annotations

import logging.config
from typing import Any

from plait.errors import BadLogOption

_OPTION = "--log-config"


def load(path: str) -> None:
    """
    Set up logging as a file says, in the form of `logging.config.dictConfig`.

    Loggers that are there stay enabled unless the file says otherwise: a program's modules have
    made theirs by now.

    Raises:
        BadLogOption: the file cannot be read, or does not make sense.
    """
    settings = _read(path)
    settings.setdefault("version", 1)
    settings.setdefault("disable_existing_loggers", False)
    try:
        logging.config.dictConfig(settings)
    except (ValueError, TypeError, AttributeError, ImportError) as error:
        why = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
        expected = f"a configuration that logging.config.dictConfig takes ({why})"
        raise BadLogOption(_OPTION, path, expected) from error


def _read(path: str) -> dict[str, Any]:
    """Read the file by what its name ends in."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        expected = f"a file that can be read ({error.strerror})"
        raise BadLogOption(_OPTION, path, expected) from None
    try:
        if path.endswith(".toml"):
            import tomllib

            settings: Any = tomllib.loads(data.decode())
        elif path.endswith(".json"):
            import json

            settings = json.loads(data)
        else:
            raise BadLogOption(_OPTION, path, "a file whose name ends in .toml or .json")
    except ValueError as error:
        raise BadLogOption(_OPTION, path, f"well-formed content ({error})") from None
    if not isinstance(settings, dict):
        raise BadLogOption(_OPTION, path, "a table at the top")
    return settings
