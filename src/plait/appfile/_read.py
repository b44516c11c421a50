"""Which file is a description of an application, and reading it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from plait.errors import TargetNotFound
from plait.plugins import Parameter

from ._description import Description

__all__ = ["is_description", "read"]


def is_description(target: str) -> bool:
    """
    Return whether a target names a description of an application: a TOML file or a Procfile.

    Args:
        target:
            The target, as on the command line; nothing is looked for.
    """
    return target.endswith(".toml") or os.path.basename(target).partition(".")[0] == "Procfile"


def read(
    target: str,
    options: Mapping[str, Mapping[str, Parameter]],
    environment: Mapping[str, str] | None = None,
) -> Description:
    """
    Read the description of an application.

    Args:
        target:
            The path of a TOML file or a Procfile.
        options:
            The options of a run, by the table (`run`, `log`) and the key that they have there.
        environment:
            Where variables are; that of this process when None.

    Returns:
        What the file says, each value with its origin.

    Raises:
        TargetNotFound: There is no such file, or it cannot be read.
        BadDescription: It says something that cannot be understood.
        UsageError: A service is given an option that it does not have, or a wrong value.
    """
    environment = os.environ if environment is None else environment
    try:
        with open(target, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        problem = f"there is no such file in {os.getcwd()}"
        raise TargetNotFound(target, f"{problem}; give a .toml file or a Procfile") from None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise TargetNotFound(target, f"it cannot be read ({why})") from None
    if target.endswith(".toml"):
        from ._toml import read_toml

        folder = os.path.dirname(os.path.abspath(target))
        if folder not in sys.path:
            sys.path.insert(0, folder)  # kinds of one's own stand beside the file
        return read_toml(target, text, options, environment)
    from ._procfile import read_procfile

    return read_procfile(target, text, environment)
