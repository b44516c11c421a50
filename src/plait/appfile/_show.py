"""What an application comes to, for people: every value with where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ._description import DEFAULT, Description, Found, Node

__all__ = ["effective"]


def effective(description: Description, options: Mapping[str, Found]) -> str:
    """
    Return all values, a line each, with their origins; defaults come last.

    Args:
        description:
            What the file says.
        options:
            The options of the run, by their names for people.
    """
    rows = [(name, found) for name, found in options.items()]
    for node in description.nodes:
        rows += _rows(node, "services")
    rows.sort(key=lambda row: row[1].origin == DEFAULT)
    texts = [(f"{name} = {found.text}", found.origin) for name, found in rows]
    width = min(60, max((len(text) for text, _ in texts), default=0))
    return "\n".join(f"  {text:<{width}}  # {origin}" for text, origin in texts)


def _rows(node: Node, above: str) -> Iterator[tuple[str, Found]]:
    path = f"{above}.{node.name}"
    shown = node.shown or {}
    for key, found in shown.items():
        yield f"{path}.{key}", found
    parameters = {} if node.kind is None else node.kind.parameters
    for parameter in parameters.values():
        if parameter.key not in shown:
            value = parameter.default
            yield f"{path}.{parameter.key}", Found(value, DEFAULT, parameter.show(value))
    for inner in node.nodes:
        yield from _rows(inner, f"{path}.services")
