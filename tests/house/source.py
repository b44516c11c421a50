"""A source tree, read once: modules, their functions and their imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .tables import PACKAGE

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, the file and its text."""

    name: str
    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The file's syntax tree."""
        return ast.parse(self.text, str(self.path))

    @property
    def is_package(self) -> bool:
        """True for an `__init__.py`."""
        return self.path.name == "__init__.py"

    @property
    def is_public(self) -> bool:
        """True where no part of the dotted name starts with an underscore."""
        return not any(part.startswith("_") for part in self.name.split("."))

    @property
    def room(self) -> str:
        """The room it belongs to; services have a room each; the root itself is the empty name."""
        return room_of(self.name)

    def functions(self) -> Iterator[tuple[str, Function]]:
        """Yield every function with its qualified name."""
        yield from _functions(self.tree, "")


def read(source: Path, package: str = PACKAGE) -> list[Module]:
    """Read the source files of a package below the folder `source`."""
    modules = []
    for path in sorted((source / package).rglob("*.py")):
        parts = list(path.relative_to(source).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        modules.append(Module(".".join(parts), path, path.read_text(encoding="utf-8")))
    return modules


def room_of(name: str) -> str:
    """Return the room of a dotted name below the package root."""
    parts = name.split(".")[1:]
    if not parts or parts[0] == "__main__":
        return ""
    if parts[0] == "services" and len(parts) > 1:
        return ".".join(parts[:2])
    return parts[0]


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield f"{prefix}{child.name}", child
            yield from _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


@dataclass(frozen=True)
class Import:
    """One import: the line, the module meant, and the name taken from it, if any."""

    line: int
    target: str
    name: str


def imports(module: Module) -> Iterator[Import]:
    """Yield all imports of a module, those inside functions and of constant names included."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, "")
        elif isinstance(node, ast.ImportFrom):
            target = _absolute(module, node)
            for alias in node.names:
                yield Import(node.lineno, target, alias.name)
        elif (
            isinstance(node, ast.Call)
            and node.args
            and callee(node)
            in {
                "import_module",
                "__import__",
            }
        ):
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield Import(node.lineno, first.value, "")


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    above = node.level - 1 if module.is_package else node.level
    base = parts[: len(parts) - above]
    return ".".join([*base, *((node.module or "").split(".") if node.module else [])])


def callee(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""
