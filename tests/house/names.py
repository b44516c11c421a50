"""What modules are called, what they offer, and whether it is explained."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import ModuleType

from .source import Function, Module
from .tables import DRAWERS, NAMED_ELSEWHERE, PRIVATE_ROOMS


def check_private_modules(modules: list[Module]) -> list[str]:
    """The main rooms consist of private modules, and no module is a drawer for odds and ends."""
    faults = []
    for module in modules:
        last = module.name.rsplit(".", 1)[-1]
        if last.strip("_") in DRAWERS and module.name not in NAMED_ELSEWHERE:
            faults.append(f"{module.name}: a drawer; name it after what it does")
        in_room = module.room in PRIVATE_ROOMS and module.name.count(".") > 1
        if in_room and not module.is_package and not last.startswith("_"):
            faults.append(f"{module.name}: a module of this room is private, call it _{last}.py")
    return faults


def check_all(modules: list[Module]) -> list[str]:
    """Public modules have a sorted `__all__`, equal to what is there; re-exports are `X as X`."""
    faults = []
    for module in modules:
        listed = _listed(module)
        if listed is not None and listed != sorted(set(listed)):
            faults.append(f"{module.name}: __all__ is not sorted, or names something twice")
        if not module.is_public:
            continue
        there = set(_public_names(module.tree.body))
        if listed is None:
            if there:
                faults.append(f"{module.name}: has no __all__ (a plain list of strings)")
            continue
        faults += [f"{module.name}: {name} is not in __all__" for name in there - set(listed)]
        faults += [
            f"{module.name}: {name} is not there" for name in set(listed) - there - {"__version__"}
        ]
    return sorted(faults)


def _listed(module: Module) -> list[str] | None:
    for node in module.tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return list(ast.literal_eval(node.value)) if isinstance(node, ast.Assign) else None
    return None


def _public_names(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        for name in _names_of(node):
            # Hooks of pytest are found by their names, they are not for importing.
            if not name.startswith(("_", "pytest_")):
                yield name


def _names_of(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, Function | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.ImportFrom | ast.Import):
        yield from (alias.name for alias in node.names if alias.asname == alias.name)
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            yield from (leaf.id for leaf in ast.walk(target) if isinstance(leaf, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
    elif isinstance(node, ast.If | ast.Try):
        blocks = [node.body, node.orelse]
        if isinstance(node, ast.Try):
            blocks += [handler.body for handler in node.handlers] + [node.finalbody]
        for block in blocks:
            for inner in block:
                yield from _names_of(inner)


def check_docstrings(modules: list[ModuleType]) -> list[str]:
    """All public names, and the public members of public classes, have a docstring."""
    faults = set()
    for module in modules:
        for name in getattr(module, "__all__", []):
            thing = getattr(module, name)
            if not (inspect.isclass(thing) or inspect.isroutine(thing)):
                continue
            if not _documented(thing):
                faults.add(f"{module.__name__}.{name}: has no docstring")
            if inspect.isclass(thing):
                faults |= {
                    f"{module.__name__}.{name}.{member}: has no docstring"
                    for member in _undocumented_members(thing)
                }
    return sorted(faults)


def _documented(thing: object) -> bool:
    doc = vars(thing).get("__doc__") if inspect.isclass(thing) else inspect.getdoc(thing)
    # A dataclass without a docstring is given its signature.
    return bool(doc) and not str(doc).startswith(f"{getattr(thing, '__name__', '')}(")


def _undocumented_members(cls: type) -> Iterator[str]:
    for name, member in vars(cls).items():
        # What a base documents needs no second docstring: `getdoc` on the class looks there.
        checked = inspect.isroutine(member) or isinstance(member, property)
        if checked and not name.startswith("_") and not inspect.getdoc(getattr(cls, name)):
            yield name
