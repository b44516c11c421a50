"""Programs on the path."""

from __future__ import annotations

import os

__all__ = ["which"]


def which(name: str, flags: int = os.X_OK) -> list[str]:
    """
    Return all files on the path that have a name.

    Args:
        name: The name.
        flags: What must be allowed with the file, as for `os.access`.
    """
    suffixes = ["", *filter(None, os.environ.get("PATHEXT", "").split(os.pathsep))]
    return [
        found
        for folder in os.environ.get("PATH", "").split(os.pathsep)
        for suffix in suffixes
        if os.access(found := os.path.join(folder, name) + suffix, flags)
    ]
