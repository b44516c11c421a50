"""An echo server: sends back what it is sent. For trying things out, and as a pattern."""

from __future__ import annotations

from ._echo import echo as echo

__all__ = ["echo"]
