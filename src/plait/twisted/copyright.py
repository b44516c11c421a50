"""Whose API this is, and which version of it."""

from __future__ import annotations

from . import __version__

__all__ = ["copyright", "disclaimer", "longversion", "version"]

version = __version__
longversion = f"[plait, with the API of Twisted {version}]"
copyright = "The API is that of Twisted, by the Twisted Matrix Laboratories."
disclaimer = f"\nplait's implementation of the API of Twisted {version}.\n{copyright}\n"
