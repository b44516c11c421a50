"""Finding objects by dotted names and methods by prefix; texts for objects that misbehave."""

from __future__ import annotations

import os
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any

from plait.twisted._absent import absent

__all__ = [
    "InvalidName",
    "ModuleNotFound",
    "ObjectNotFound",
    "QueueMethod",
    "accumulateClassDict",
    "accumulateClassList",
    "accumulateMethods",
    "addMethodNamesToDict",
    "filenameToModuleName",
    "fullFuncName",
    "fullyQualifiedName",
    "getClass",
    "isSame",
    "namedAny",
    "namedClass",
    "namedModule",
    "namedObject",
    "prefixedMethodNames",
    "prefixedMethods",
    "qual",
    "requireModule",
    "safe_repr",
    "safe_str",
]


class InvalidName(ValueError):
    """The text is not a dotted Python name."""


class ModuleNotFound(InvalidName):
    """The name's module does not exist."""


class ObjectNotFound(InvalidName):
    """The name's module exists, the object in it does not."""


class QueueMethod:
    """A stand-in for a method: a call is appended to a list as (name, arguments)."""

    def __init__(self, name: str, calls: list[tuple[str, tuple[Any, ...]]]) -> None:
        self.name = name
        self.calls = calls

    def __call__(self, *args: Any) -> None:
        """Note the call."""
        self.calls.append((self.name, args))


def qual(clazz: type[object]) -> str:
    """Return a class's full name, `module.Name`."""
    return clazz.__module__ + "." + clazz.__name__


def fullyQualifiedName(obj: Any) -> str:
    """Return the full dotted name of a module, class, function or method."""
    try:
        name = obj.__qualname__
    except AttributeError:
        name = obj.__name__
    if isinstance(obj, types.ModuleType):
        return str(name)
    if isinstance(obj, types.MethodType):
        return f"{obj.__func__.__module__}.{obj.__func__.__qualname__}"
    if isinstance(obj, types.BuiltinFunctionType):
        return str(name)
    return f"{obj.__module__}.{name}"


def fullFuncName(func: Any) -> str:
    """Return a function's full dotted name, having checked that the name leads to it."""
    name = f"{func.__module__}.{func.__name__}"
    if namedObject(name) is not func:
        raise Exception(f"Couldn't find {func} as {name}.")
    return name


def namedModule(name: str) -> types.ModuleType:
    """Import and return the module of a dotted name."""
    __import__(name)
    return sys.modules[name]


def namedObject(name: str) -> Any:
    """Return the object `name` of a module: the last part is the attribute, the rest the module."""
    module, _, attribute = name.rpartition(".")
    return getattr(namedModule(module), attribute)


namedClass = namedObject


def requireModule(name: str, default: Any = None) -> Any:
    """Return the module of a dotted name, or `default` where it cannot be imported."""
    try:
        return namedModule(name)
    except ImportError:
        return default


def _importIfThere(name: str) -> bool:
    """Import a module; False when there is none of that name, errors inside it are raised."""
    try:
        __import__(name)
    except ImportError as error:
        missing = getattr(error, "name", None)
        if missing is not None and (name == missing or name.startswith(missing + ".")):
            return False
        if missing is None and error.__traceback__ is not None:
            return False
        raise
    return True


def namedAny(name: str) -> Any:
    """
    Return whatever a dotted name leads to: a package, module, class or attribute of one.

    Raises:
        InvalidName: The text is not a dotted name.
        ModuleNotFound: There is no such top-level module.
        ObjectNotFound: The module is there, the rest of the name is not.
        AttributeError: An attribute below a module's object is missing.
    """
    if not name:
        raise InvalidName("Empty module name")
    parts = name.split(".")
    if "" in parts:
        raise InvalidName(
            f"name must be a string giving a '.'-separated list of Python identifiers, not {name!r}"
        )
    count = len(parts)
    while count and not _importIfThere(".".join(parts[:count])):
        count -= 1
    if not count:
        if len(parts) == 1:
            raise ModuleNotFound(f"No module named {name!r}")
        raise ObjectNotFound(f"{name!r} does not name an object")
    found: Any = sys.modules[".".join(parts[:count])]
    for part in parts[count:]:
        found = getattr(found, part)
    return found


def filenameToModuleName(fn: str | bytes) -> str | bytes:
    """Return the dotted name of a source file, judged by the `__init__` files above it."""
    path = os.fsdecode(os.path.abspath(fn))
    base = os.path.splitext(os.path.basename(path))[0]
    parts = [] if base == "__init__" else [base]
    folder = os.path.dirname(path)
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, last = os.path.split(folder)
        parts.insert(0, last)
    name = ".".join(parts)
    return os.fsencode(name) if isinstance(fn, bytes) else name


def getClass(obj: object) -> type:
    """Return the object's class."""
    return type(obj)


def isSame(a: object, b: object) -> bool:
    """Return whether both are one object."""
    return a is b


def accumulateMethods(
    obj: object, dict: dict[str, Any], prefix: str = "", curClass: type | None = None
) -> None:
    """Put the bound methods that begin with `prefix` into `dict`, by the rest of their names."""
    curClass = curClass or obj.__class__
    for base in curClass.__bases__:
        accumulateMethods(obj, dict, prefix, base)
    for name, value in list(curClass.__dict__.items()):
        if name.startswith(prefix) and isinstance(value, types.FunctionType):
            dict[name[len(prefix) :]] = getattr(obj, name)


def prefixedMethods(obj: object, prefix: str = "") -> list[Callable[..., Any]]:
    """Return the bound methods whose names begin with `prefix`, base classes first."""
    found: dict[str, Any] = {}
    accumulateMethods(obj, found, prefix)
    return list(found.values())


def addMethodNamesToDict(
    classObj: type, dict: dict[str, int], prefix: str, baseClass: type | None = None
) -> None:
    """Put the names of methods that begin with `prefix` into `dict`, without the prefix."""
    for base in classObj.__bases__:
        addMethodNamesToDict(base, dict, prefix, baseClass)
    if baseClass is None or baseClass in classObj.__bases__:
        for name, value in classObj.__dict__.items():
            if isinstance(value, types.FunctionType) and name.startswith(prefix):
                dict[name[len(prefix) :]] = 1


def prefixedMethodNames(classObj: type, prefix: str) -> list[str]:
    """Return the names of methods that begin with `prefix`, without the prefix."""
    found: dict[str, int] = {}
    addMethodNamesToDict(classObj, found, prefix)
    return list(found)


def accumulateClassDict(
    classObj: type, attr: str, adict: dict[Any, Any], baseClass: type | None = None
) -> None:
    """Merge the dictionaries stored as `attr` on a class and its bases, the bases first."""
    for base in classObj.__bases__:
        accumulateClassDict(base, attr, adict)
    if baseClass is None or baseClass in classObj.__bases__:
        adict.update(classObj.__dict__.get(attr, {}))


def accumulateClassList(
    classObj: type, attr: str, listObj: list[Any], baseClass: type | None = None
) -> None:
    """Join the lists stored as `attr` on a class and its bases, the bases first."""
    for base in classObj.__bases__:
        accumulateClassList(base, attr, listObj)
    if baseClass is None or baseClass in classObj.__bases__:
        listObj.extend(classObj.__dict__.get(attr, []))


def _safe(make: Callable[[object], str], word: str, obj: object) -> str:
    """Render an object whose own rendering failed: its class, its id and what went wrong."""
    try:
        name = type(obj).__name__
    except Exception:
        name = "BROKEN CLASS"
    try:
        trouble = "".join(traceback.format_exception(*sys.exc_info()))
    except Exception:
        trouble = "(not even the traceback could be formatted)\n"
    return f"<{name} instance at 0x{id(obj):x} with {word} error:\n {trouble}>"


def safe_repr(o: object) -> str:
    """Return `repr(o)`, or a text that says why there is none."""
    try:
        return repr(o)
    except BaseException:
        return _safe(repr, "repr", o)


def safe_str(o: object) -> str:
    """Return `str(o)`, or a text that says why there is none; bytes are taken as UTF-8."""
    if isinstance(o, bytes):
        try:
            return o.decode("utf-8")
        except UnicodeDecodeError:
            pass
    try:
        return str(o)
    except BaseException:
        return _safe(str, "str", o)


__getattr__ = absent(
    __name__,
    {
        "findInstances": "use gc.get_objects() with isinstance",
        "isLike": "compare the two objects yourself",
        "isOfType": "use isinstance",
        "modgrep": "use gc.get_referrers",
        "objgrep": "use gc.get_referrers",
    },
)
