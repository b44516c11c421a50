"""From the name of a target to an application."""

from __future__ import annotations

import importlib
import linecache
import os
import sys
from types import BuiltinFunctionType, FunctionType, ModuleType, TracebackType
from typing import Any, TypeVar

from plait import plugins
from plait.core import Application, Service
from plait.errors import NoApplication, NotAnApplication, TargetBroken, TargetNotFound
from plait.runner._loop import holder

__all__ = ["load", "load_file"]

#: The global that a file is expected to define.
NAME = "application"

_FILES = (".tac", ".py")

E = TypeVar("E", bound=BaseException)


def load(target: str) -> Application:
    """
    Load an application.

    Args:
        target:
            The path of a `.tac` or `.py` file, whose global `application` is taken, or
            `package.module:attribute` (`:attribute` may be left out and is `application` then).

    Returns:
        The application; a lone service is given one of its own.

    Raises:
        TargetNotFound: there is no such file, module or attribute.
        NoApplication: the file does not define it.
        NotAnApplication: it is something else.
        TargetBroken: the user's code raised; its error is the cause.
    """
    plugins.summon()
    if is_described(target):
        from plait.runner._described import described
        from plait.runner._plan import RunPlan

        return described(RunPlan(target), {}).make()
    with holder.reserved():
        found, name, stem = _from_file(target) if is_file(target) else _from_module(target)
    return as_application(found, target, name, stem)


def is_described(target: str) -> bool:
    """
    Return whether a target names a file that describes an application without code.

    Args:
        target:
            The target, as on the command line.
    """
    return target.endswith(".toml") or os.path.basename(target).partition(".")[0] == "Procfile"


def is_file(target: str) -> bool:
    """Return whether a target names a file and not a module."""
    if target.endswith(_FILES) or os.sep in target or (os.altsep and os.altsep in target):
        return True
    return ":" not in target and os.path.isfile(target)


def as_application(found: Any, target: str, name: str, stem: str) -> Application:
    """
    Return the application for what was found in a target.

    Args:
        found:
            The object.
        target:
            The target, for the error.
        name:
            The object's name there, for the error.
        stem:
            The name of an application made for a lone service.

    Raises:
        NotAnApplication: nobody knows what the object is.
    """
    service = None if isinstance(found, type) else plugins.adapt(found)
    if service is None:
        raise NotAnApplication(target, name, found)
    if isinstance(service, Application):
        return service
    return _house(service, stem)


def _house(service: Service, stem: str) -> Application:
    application = Application(stem)
    application.add(service)
    return application


def load_file(path: str) -> dict[str, Any]:
    """
    Execute a file and return its globals.

    It sees `__file__` as given and the builtins, nothing else, so its `__name__` is `builtins`, as
    twistd has it. The file's directory and the working directory are importable.

    Args:
        path:
            The file.

    Returns:
        Its globals by name.

    Raises:
        TargetNotFound: there is no such file, or it cannot be read.
        TargetBroken: it cannot be compiled, or it raised.
    """
    source = _read(path)
    _importable(os.path.dirname(os.path.abspath(path)))
    # Kept so that a traceback shows its lines also after a change of directory or root.
    linecache.cache[path] = (len(source), None, _lines(source), os.path.abspath(path))
    space: dict[str, Any] = {"__file__": path}
    try:
        exec(compile(source, path, "exec", dont_inherit=True), space)
    except KeyboardInterrupt:  # plait's own request to stop is one too
        raise
    except BaseException as error:  # SystemExit, or a class of the user's own
        raise TargetBroken(path, _trimmed(error, path)) from error
    return space


def _from_file(path: str) -> tuple[Any, str, str]:
    space = load_file(path)
    if NAME not in space:
        raise NoApplication(path, NAME, _names(space))
    return space[NAME], NAME, os.path.splitext(os.path.basename(path))[0] or NAME


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        problem = f"there is no such file in {os.getcwd()}"
    except IsADirectoryError:
        problem = "it is a directory"
    except OSError as error:
        problem = f"it cannot be read ({error.strerror})"
    except ValueError:
        problem = "it is not a file name"
    raise TargetNotFound(path, f"{problem}; give a .tac or .py file, or package.module:attribute")


def _lines(source: bytes) -> list[str]:
    return source.decode("utf-8", "replace").splitlines(keepends=True)


def _names(space: dict[str, Any]) -> list[str]:
    """Return the names that may have been meant: no modules, classes or functions."""
    none = (ModuleType, type, FunctionType, BuiltinFunctionType)
    names = [
        name
        for name, value in space.items()
        if not name.startswith("_") and not isinstance(value, none)
    ]
    return sorted(names, key=lambda name: not isinstance(space[name], Service))


def _importable(*directories: str) -> None:
    """Put directories and the working directory at the front of the import path, once each."""
    for directory in reversed((*directories, os.getcwd())):
        if directory in sys.path:
            sys.path.remove(directory)
        sys.path.insert(0, directory)


def _from_module(target: str) -> tuple[Any, str, str]:
    module_name, _, attribute = target.partition(":")
    attribute = attribute or NAME
    if os.path.isdir(target):
        raise TargetNotFound(target, "it is a directory; give a file in it, or a module")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise TargetNotFound(
            target,
            "it is neither a file that exists nor a module; expected package.module:attribute",
        )
    _importable()
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        if _is_missing(error, module_name):
            missing = getattr(error, "name", module_name)
            problem = f"there is no module {missing!r} in {os.getcwd()} or on the import path"
            files = [f"{target}{ending}" for ending in (".tac", ".toml")]
            near = [f"; did you mean {file}?" for file in files if os.path.isfile(file)]
            raise TargetNotFound(target, problem + "".join(near[:1])) from None
        raise TargetBroken(target, _trimmed(error, "")) from error
    except KeyboardInterrupt:  # plait's own request to stop is one too
        raise
    except BaseException as error:  # SystemExit, or a class of the user's own
        raise TargetBroken(target, _trimmed(error, "")) from error
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            if hasattr(found, "__dict__"):
                raise NoApplication(target, attribute, _names(vars(found))) from None
            raise NoApplication(target, attribute) from None
    return found, attribute, module_name.rpartition(".")[2]


def _is_missing(error: Exception, name: str) -> bool:
    """
    Return whether an error says that the target's own module is not there.

    A module that is there but imports one that is not raises the same class: it is told apart by
    the name and by whether any of the user's code ran.
    """
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return False
    if name != error.name and not name.startswith(error.name + "."):
        return False
    return not any(_users(step) for step in _steps(error.__traceback__))


def _steps(traceback: TracebackType | None) -> list[TracebackType]:
    steps = []
    while traceback is not None:
        steps.append(traceback)
        traceback = traceback.tb_next
    return steps


def _users(step: TracebackType) -> bool:
    file = step.tb_frame.f_code.co_filename
    return not file.startswith("<frozen importlib") and file not in (__file__, importlib.__file__)


def _trimmed(error: E, start: str) -> E:
    """Return an error whose traceback begins in the user's code."""
    steps = _steps(error.__traceback__)
    for step in steps:
        if step.tb_frame.f_code.co_filename == start or _users(step):
            return error.with_traceback(step)
    # A syntax error in the file itself: no code of the user's ran, and its text shows the line.
    return error.with_traceback(None)
