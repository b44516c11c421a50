"""A port forward: takes connections in one place and passes them on to another."""

from __future__ import annotations

from ._forward import forward as forward

__all__ = ["forward"]
