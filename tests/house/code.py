"""How long code may be, and what it may not do."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from .source import Function, Module, callee
from .tables import ENDS_THE_PROCESS, LONG_FUNCTIONS, LONG_MODULES, MACHINE_PATHS

MODULE_LINES = 400
FUNCTION_LINES = 60


def check_sizes(modules: list[Module]) -> list[str]:
    """Modules and functions stay small; the exceptions are named, and go when no longer needed."""
    faults: list[str] = []
    exceptions = {*LONG_MODULES, *LONG_FUNCTIONS}
    for module in modules:
        lines = module.text.count("\n")
        exceptions -= _size_fault(faults, module.name, lines, MODULE_LINES, LONG_MODULES)
        for name, function in module.functions():
            full = f"{module.name}.{name}"
            length = _length(function)
            exceptions -= _size_fault(faults, full, length, FUNCTION_LINES, LONG_FUNCTIONS)
    faults += [f"{name}: its exception is no longer needed" for name in sorted(exceptions)]
    return faults


def _size_fault(
    faults: list[str], name: str, lines: int, limit: int, allowed: dict[str, str]
) -> set[str]:
    if lines <= limit:
        return set()
    if name not in allowed:
        faults.append(f"{name}: {lines} lines, at most {limit}")
    return {name}


def _length(function: Function) -> int:
    """Return the lines of a function, without its docstring: saying more must not cost."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def check_words(modules: list[Module]) -> list[str]:
    """No notes to oneself are left, and every module says what it is for."""
    faults = []
    notes = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")
    for module in modules:
        if ast.get_docstring(module.tree) is None:
            faults.append(f"{module.name}: has no docstring")
        for number, line in enumerate(module.text.splitlines(), 1):
            found = notes.search(line)
            if found:
                faults.append(f"{module.name}:{number}: {found[0]}")
    return faults


def check_machine_paths(files: list[Path]) -> list[str]:
    """No file names a folder or an address of the machine it was written on."""
    faults = []
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = MACHINE_PATHS.search(line)
            if found:
                faults.append(f"{path.name}:{number}: names {found[0]}")
    return faults


def check_ends(modules: list[Module]) -> list[str]:
    """Only the entry point and the system end the process; input is not checked by `assert`."""
    faults = []
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Assert) and module.room != "testing":
                if not _narrows(node):
                    faults.append(
                        f"{module.name}:{node.lineno}: assert that does not narrow a type"
                    )
            elif module.name not in ENDS_THE_PROCESS and _ends_process(node):
                faults.append(f"{module.name}:{getattr(node, 'lineno', 0)}: ends the process")
    return faults


def _narrows(node: ast.Assert) -> bool:
    """True for `assert x is not None` and `assert isinstance(x, …)`, which only inform mypy."""
    if node.msg is not None:
        return False
    tests = node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]
    return all(
        (isinstance(test, ast.Call) and callee(test) == "isinstance")
        or (isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.IsNot))
        for test in tests
    )


def _ends_process(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise):
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return isinstance(raised, ast.Name) and raised.id == "SystemExit"
    if isinstance(node, ast.ImportFrom):
        return node.module in {"os", "sys"} and any(
            alias.name in {"_exit", "exit", "abort"} for alias in node.names
        )
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return (node.value.id, node.attr) in {("os", "_exit"), ("os", "abort"), ("sys", "exit")}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in {"exit", "quit"}
    return False
