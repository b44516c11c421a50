"""Who imports whom, and what comes in from outside."""

from __future__ import annotations

import sys

from .source import Module, imports, room_of
from .tables import MAY_IMPORT, PACKAGE, THIRD_PARTY


def check_imports(modules: list[Module]) -> list[str]:
    """Imports go the way of the table, through public packages, and never to the root."""
    known = {module.name for module in modules}
    faults = []
    for module in modules:
        if module.room and module.room not in MAY_IMPORT:
            faults.append(f"{module.name}: the room {module.room!r} is not in the table")
            continue
        for found in imports(module):
            if found.target.split(".")[0] != PACKAGE:
                continue
            target = found.target
            if found.name and f"{target}.{found.name}" in known:
                target = f"{target}.{found.name}"
            fault = _import_fault(module, target, found.name)
            if fault:
                faults.append(f"{module.name}:{found.line}: {fault}")
    return faults


def _import_fault(module: Module, target: str, name: str) -> str:
    room = room_of(target)
    if room == module.room and target != PACKAGE:
        return ""
    private = any(part.startswith("_") for part in target.split(".")) or (
        name.startswith("_") and not name.startswith("__")
    )
    if private:
        return f"reaches into another room's private {target}.{name}".rstrip(".")
    if not module.room:
        return ""
    if target == PACKAGE:
        return "imports the package root"
    if room not in MAY_IMPORT[module.room]:
        return f"{module.room} may not import {room}"
    return ""


def check_third_party(modules: list[Module]) -> list[str]:
    """Libraries from outside are imported only where the second table lets them."""
    faults = []
    for module in modules:
        allowed = THIRD_PARTY.get(module.name, frozenset()) | THIRD_PARTY.get(
            module.room, frozenset()
        )
        for found in imports(module):
            top = found.target.split(".")[0]
            if top in sys.stdlib_module_names or top in allowed or top == PACKAGE:
                continue
            faults.append(f"{module.name}:{found.line}: imports {top} from outside")
    return faults
