"""
Applications without code: a TOML file, a Procfile, and what is taken over from supervisord.

Reading makes a description, plain values with the place each came from; a description makes the
application.
"""

from __future__ import annotations

from ._build import application as application
from ._build import one_service as one_service
from ._description import DEFAULT as DEFAULT
from ._description import Description as Description
from ._description import Found as Found
from ._description import Node as Node
from ._read import is_description as is_description
from ._read import read as read
from ._show import effective as effective
from ._supervisord import Import as Import
from ._supervisord import import_supervisord as import_supervisord

__all__ = [
    "DEFAULT",
    "Description",
    "Found",
    "Import",
    "Node",
    "application",
    "effective",
    "import_supervisord",
    "is_description",
    "one_service",
    "read",
]
