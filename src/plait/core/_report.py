"""A drawing of the tree: states, elapsed times, and where things hang."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from plait.core._state import State

if TYPE_CHECKING:
    from plait.core._node import Node
    from plait.core._service import Service

__all__ = ["draw", "draw_node"]

#: More children than this in one state, and only their number is drawn.
MANY = 30


def draw(service: Service) -> str:
    """
    Return a tree of services as text.

    Args:
        service:
            The service at its top.

    Returns:
        One line a service with name, state, elapsed time and status, and the stacks of those that
        are starting or stopping.
    """
    try:
        now: float | None = asyncio.get_running_loop().time()
    except RuntimeError:
        now = None
    return draw_node(service._plait_node, now)


def draw_node(top: Node, now: float | None) -> str:
    """
    Return a node and everything below it as text.

    Args:
        top:
            The node at the top.
        now:
            The loop's time in seconds, or `None` when no loop runs.
    """
    lines: list[str] = []
    stack: list[tuple[Node | str, str, str]] = [(top, "", "")]
    while stack:
        node, lead, below = stack.pop()
        if isinstance(node, str):
            lines.append(lead + node)
            continue
        lines.append(lead + _line(node, now))
        if node.owner is not None and node.state in (State.STARTING, State.STOPPING, State.FAILED):
            bar = below + ("│ " if node.children else "  ")
            lines.extend(bar + text for text in node.owner.stack_text().splitlines())
        children = _shown(node)
        for index, child in reversed(list(enumerate(children))):
            last = index == len(children) - 1
            stack.append(
                (child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))
            )
    return "\n".join(lines)


def _shown(node: Node) -> list[Node | str]:
    """Return the children to draw; of very many alike only the first, and a count."""
    if not node.children:
        return []
    ordered = list(node.siblings if node.siblings is not None else node.children.values())
    if len(ordered) <= MANY:
        return list(ordered)
    shown: list[Node | str] = []
    left: dict[State, int] = {}
    for child in ordered:
        if len(shown) < MANY and (child.children or child.state is not State.RUNNING or not left):
            shown.append(child)
        else:
            left[child.state] = left.get(child.state, 0) + 1
    if left:
        shown.append(
            "… and " + ", ".join(f"{count} {state.value}" for state, count in left.items())
        )
    return shown


def _line(node: Node, now: float | None) -> str:
    """Return one node as a line: name, state, seconds, status."""
    text = f"{node.name}: {node.state.value}"
    if now is not None and node.state in (State.STARTING, State.STOPPING):
        text += f" for {now - node.began:.1f} s"
    if node.needs and node.state is State.PREPARED:
        missing = [need.path for need in node.needs if not need.is_ready]
        if missing:
            text += f", waiting for {', '.join(missing)}"
    if node.status:
        text += f" ({node.status})"
    return text
