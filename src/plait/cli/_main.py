"""The door of the command line: what needs no click does not import it."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait.runner import ExitStatus

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None, *, version: str) -> ExitStatus | int:
    """
    Do what the arguments say.

    Args:
        arguments:
            The words after the program's name; those of this process when None.
        version:
            What `--version` answers.

    Returns:
        How it ended: the status of a run, or an exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if "_PLAIT_COMPLETE" not in os.environ and words in (["--version"], ["-V"]):
        sys.stdout.write(f"plait {version}\n")
        return 0
    if words[:1] == ["twistd"]:
        from ._twistd import twistd

        return twistd(words[1:], version)
    if words[:1] == ["run"] and "_PLAIT_COMPLETE" not in os.environ:
        # Nothing of what is imported now is ever garbage; looking for some takes milliseconds.
        gc.disable()
        from plait.runner import freeze_imports, run

        from ._quick import quick_plan

        # Nor is it ever looked through later; and a daemon shares its pages with its launcher.
        freeze_imports()
        gc.enable()
        plan = quick_plan(words[1:], os.environ)
        if plan is not None:
            return run(plan)
    from ._commands import invoke

    return invoke(words, version)
