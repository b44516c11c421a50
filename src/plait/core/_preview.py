"""The order of a tree before it has started: what would wait for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.core._order import Plan, make_plan

if TYPE_CHECKING:
    from plait.core._application import Application
    from plait.core._node import Node

__all__ = ["draw_order"]


def draw_order(app: Application) -> str:
    """
    Return the tree and its order as text, without preparing or starting anything.

    Args:
        app:
            The application.

    Returns:
        One line a service, siblings in the order in which they start, each with its class and what
        it waits for.

    Raises:
        OrderError: No order meets the needs.
    """
    top = app._plait_node
    plan = make_plan(top)
    lines: list[str] = []
    stack: list[tuple[Node, str, str, str]] = [(top, "", "", "")]
    while stack:
        node, lead, below, waits = stack.pop()
        lines.append(f"{lead}{node.name}: {type(node.service).__name__}{waits}")
        children = plan.sorted.get(node) or list((node.children or {}).values())
        for index, child in reversed(list(enumerate(children))):
            last = index == len(children) - 1
            elders = plan.after.get(child, children[:index])
            stack.append(
                (
                    child,
                    below + ("└─ " if last else "├─ "),
                    below + ("   " if last else "│  "),
                    _waits(plan, child, elders[-1] if elders else None),
                )
            )
    return "\n".join(lines)


def _waits(plan: Plan, node: Node, elder: Node | None) -> str:
    """Return what a node waits for: what it named, or the last of the siblings it waits for."""
    needs = plan.needs.get(node)
    if needs:
        named = ", ".join(need.name if need.parent is node.parent else need.path for need in needs)
        return f", needs {named}"
    if node.stated is not None:
        return ", at once"
    if elder is not None:
        return f", after {elder.name}"
    return ", at once" if node in plan.after else ""
