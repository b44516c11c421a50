"""What tests must say, and may not do."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .source import Function, Module, callee
from .tables import SLEEPERS, VIRTUAL


def check_tests(modules: list[Module]) -> list[str]:
    """Each test states one fact in its docstring, sleeps only where marked, and patches nothing."""
    faults = []
    for module in modules:
        virtual = VIRTUAL.search(module.text) is not None
        quiet = _markers(_pytestmark(module.tree.body)) & SLEEPERS
        for node in module.tree.body:
            for test in _tests(node):
                if ast.get_docstring(test) is None:
                    faults.append(f"{module.name}.{test.name}: has no docstring")
        for top in module.tree.body:
            marked = quiet or _markers(getattr(top, "decorator_list", [])) & SLEEPERS
            for inner in ast.walk(top):
                fault = _test_fault(inner, virtual=virtual)
                if fault == "sleeps" and (marked or _inside_marked(top, inner)):
                    continue
                if fault:
                    faults.append(f"{module.name}:{getattr(inner, 'lineno', 0)}: {fault}")
    return faults


def _tests(node: ast.stmt) -> Iterator[Function]:
    if isinstance(node, Function) and node.name.startswith("test"):
        yield node
    elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
        for inner in node.body:
            yield from _tests(inner)


def _pytestmark(body: list[ast.stmt]) -> list[ast.expr]:
    for node in body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            return [node.value]
    return []


def _markers(nodes: list[ast.expr]) -> set[str]:
    return {
        leaf.attr for node in nodes for leaf in ast.walk(node) if isinstance(leaf, ast.Attribute)
    }


def _inside_marked(top: ast.stmt, node: ast.AST) -> bool:
    """True where a method of a test class is marked and holds the node."""
    if not isinstance(top, ast.ClassDef):
        return False
    return any(
        isinstance(method, Function)
        and _markers(method.decorator_list) & SLEEPERS
        and node in ast.walk(method)
        for method in top.body
    )


def _test_fault(node: ast.AST, *, virtual: bool) -> str:
    if isinstance(node, ast.ImportFrom) and node.module == "unittest.mock":
        return "imports a mock; write a fake"
    if not isinstance(node, ast.Call) or callee(node) not in {"sleep", "patch"}:
        return ""
    if callee(node) == "patch":
        return "patches"
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    if virtual and isinstance(owner, ast.Name) and owner.id == "asyncio":
        return ""
    zero = node.args and isinstance(node.args[0], ast.Constant) and not node.args[0].value
    return "" if zero else "sleeps"
