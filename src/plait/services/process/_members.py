"""Which processes belong to a command: its group, and what carries its mark."""

from __future__ import annotations

import os
from contextlib import suppress

__all__ = ["MARK", "can_look", "members"]

#: The variable that every process of a command inherits, also one that left its group.
MARK = "PLAIT_PROCESS"


def can_look() -> bool:
    """Return whether this machine shows which processes there are."""
    return os.path.exists("/proc/self/stat")


def members(leader: int, mark: str) -> list[int]:
    """
    Return the living processes of a command, without its first one.

    Args:
        leader:
            The first process, whose number is that of the group.
        mark:
            The value of the mark.
    """
    wanted = f"{MARK}={mark}".encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdecimal() or int(name) == leader:
            continue
        with suppress(OSError, ValueError, IndexError):
            if _belongs(name, leader, wanted):
                found.append(int(name))
    return found


def _belongs(name: str, leader: int, wanted: bytes) -> bool:
    with open(f"/proc/{name}/stat", "rb") as file:
        # The program's name stands in parentheses and may contain anything, these included.
        fields = file.read().rpartition(b")")[2].split()
    if fields[0] in (b"Z", b"X"):
        return False
    if int(fields[2]) == leader:
        return True
    with open(f"/proc/{name}/environ", "rb") as file:
        return wanted in file.read().split(b"\0")
