"""Help texts out of docstrings: the summary, and what stands under `Args:`."""

from __future__ import annotations

import inspect
import re
from typing import Any, cast

__all__ = ["parameter_help", "summary"]

_ITEM = re.compile(r"(?P<name>\*{0,2}\w+)\s*(?:\([^)]*\))?:\s*(?P<text>.*)")


def summary(thing: Any) -> str:
    """Return the first paragraph of a docstring as one line."""
    doc = inspect.getdoc(thing) or ""
    return " ".join(doc.strip().partition("\n\n")[0].split())


def parameter_help(thing: Any) -> dict[str, str]:
    """
    Return what a docstring says of each parameter.

    Args:
        thing:
            A class, whose own docstring counts and then that of `__init__`, or a function.
    """
    texts = _items(inspect.getdoc(thing) or "")
    if isinstance(thing, type):
        texts = _items(inspect.getdoc(cast(Any, thing).__init__) or "") | texts
    return texts


def _items(doc: str) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    inside, indent, name = False, 0, ""
    for line in doc.splitlines():
        if not inside:
            inside = line.strip() == "Args:"
            continue
        if not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        if not depth:
            break
        indent = indent or depth
        item = _ITEM.fullmatch(line.strip()) if depth == indent else None
        if item is not None:
            name = item["name"].lstrip("*")
            found[name] = [item["text"]] if item["text"] else []
        elif name:
            found[name].append(line.strip())
    return {name: " ".join(texts) for name, texts in found.items()}
