"""Refusing options that a service does not have, which only a type checker would see otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["check_options"]


def check_options(owner: object, given: Mapping[str, Any], known: Any) -> None:
    """
    Refuse options that a service does not have: a misspelt one must not go unheard.

    Args:
        owner:
            The service.
        given:
            What it was given, by name.
        known:
            The TypedDict of its options.

    Raises:
        TypeError: There is an option that the service does not have.
    """
    for name in given:
        if name not in known.__optional_keys__:
            raise TypeError(
                f"{type(owner).__name__} has no option {name!r}; beside the place it takes "
                f"{', '.join(sorted(known.__optional_keys__))}"
            )
