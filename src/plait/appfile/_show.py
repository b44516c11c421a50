"""What an application comes to, for people: every value with where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ._description import Description, Found, Node

__all__ = ["effective"]


def effective(description: Description, options: Mapping[str, Found]) -> str:
    """
    Return the values that are not defaults, a line each, with their origins.

    Args:
        description:
            What the file says.
        options:
            The options of the run that count, by their names for people.
    """
    rows = [(name, found) for name, found in options.items()]
    for node in description.nodes:
        rows += _rows(node, "services")
    if not rows:
        return ""
    texts = [(f"{name} = {found.text}", found.origin) for name, found in rows]
    width = min(60, max(len(text) for text, _ in texts))
    return "\n".join(f"  {text:<{width}}  # {origin}" for text, origin in texts)


def _rows(node: Node, above: str) -> Iterator[tuple[str, Found]]:
    path = f"{above}.{node.name}"
    for key, found in (node.shown or {}).items():
        yield f"{path}.{key}", found
    for inner in node.nodes:
        yield from _rows(inner, f"{path}.services")
