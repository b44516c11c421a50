"""Keeping objects between runs: only the interfaces and the Python style are here."""

from plait.twisted._absent import absentModules

__getattr__ = absentModules(
    __name__,
    "crefutil dirdbm styles",
    aot="plait keeps no saved applications; keep the Python file and run it with -y",
)
