"""From the name of a kind of service to the kind."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from plait.errors import BadKind, MissingExtra, UnknownKind

from . import OWN_SERVICES, Offer, offers
from ._kinds import Kind, kind_from
from ._where import where_raised

__all__ = ["find"]


def find(name: str) -> Kind:
    """Return a kind of ready-made service; see `plait.plugins.kind`."""
    if name in OWN_SERVICES:
        return kind_from(name, _load(name, Offer(name, OWN_SERVICES[name])))
    if ":" in name:
        return kind_from(name, _own(name))
    there = offers("services")
    if name not in there:
        raise UnknownKind(name, list(there))
    return kind_from(name, _load(name, there[name]))


def _load(name: str, offer: Offer) -> Any:
    try:
        return offer.load()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if not missing or missing == offer.where.partition(":")[0].partition(".")[0]:
            raise BadKind(name, f"{offer.where} is not there: {error}") from error
        # Its module imports the library outright: the extra, if there is one, is called after it.
        extra = name if offer.entry is None else next(iter(offer.entry.extras), "")
        raise MissingExtra(name, missing, extra, package=offer.distribution) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        problem = f"importing {offer.where} failed at {where_raised(error)}"
        if isinstance(error, AttributeError) and offer.where.partition(":")[0] in sys.modules:
            problem = f"{offer.where} is not there: {error}"
        raise BadKind(name, problem) from error


def _own(name: str) -> Any:
    module, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as for the target of a run
    try:
        found: Any = importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{module}.".startswith(f"{missing}."):
            raise BadKind(name, f"it is not there: {error}") from error
        raise BadKind(name, f"importing it failed at {where_raised(error)}") from error
    try:
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise BadKind(name, f"it is not there: {error}") from error
    return found
