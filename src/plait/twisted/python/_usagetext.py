"""The help text of options, in two columns."""

from __future__ import annotations

import textwrap
from typing import Any

__all__ = ["docMakeChunks"]


def _doc(opt: dict[str, Any]) -> str:
    """Return an option's text, with its default and what its coercion says."""
    doc = (opt.get("doc") or "").strip()
    if opt.get("optType") == "parameter" and opt.get("default") is not None:
        doc = f"{doc} [default: {opt['default']}]"
    coerce = getattr(opt.get("dispatch"), "coerce", None)
    coerceDoc = getattr(coerce, "coerceDoc", None)
    if coerceDoc:
        doc = f"{doc}. {coerceDoc}" if doc else coerceDoc
    return doc


def docMakeChunks(optList: list[dict[str, Any]], width: int = 80) -> list[str]:
    """
    Return the help of options or commands, one text for each.

    Args:
        optList:
            For each a dictionary with `long`, `short`, `doc`, `default`, `dispatch` and `optType`,
            which is `flag`, `parameter` or `command`.
        width: Characters in a line.
    """
    longest = 0
    for opt in optList:
        longest = max(longest, len(opt.get("long") or "") + (opt.get("optType") == "parameter"))
    column = longest + 10
    chunks, seen = [], set()
    for opt in optList:
        long, short = opt.get("long"), opt.get("short")
        if (long, short) in seen:
            continue
        seen.add((long, short))
        if opt.get("optType") == "command":
            head = f"    {long}"
        else:
            head = f"  -{short}" if short else "    "
            head += ", " if short and long else "  "
            mark = "=" if opt.get("optType") == "parameter" else ""
            head += f"--{long}{mark}" if long else ""
        lines = textwrap.wrap(_doc(opt), max(width - column, 1))
        indent = "\n" + " " * column
        chunks.append(head.ljust(column) + indent.join(lines) + "\n")
    return chunks
