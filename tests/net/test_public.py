"""The room's public names."""

from __future__ import annotations

import subprocess
import sys

import pytest

import plait.net
from plait import errors


def test_every_name_is_there() -> None:
    """Each name in `__all__` has a home and can be fetched; `dir()` lists them all."""
    assert plait.net.__all__ == sorted(plait.net._HOME)
    for name in plait.net.__all__:
        assert getattr(plait.net, name) is not None
    assert set(plait.net.__all__) <= set(dir(plait.net))


def test_unknown_name() -> None:
    """A name that is not there is an AttributeError, as with any module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        plait.net.nothing  # noqa: B018  # fetching it is the point


@pytest.mark.process
def test_import_is_light() -> None:
    """Importing the room and making an endpoint loads neither ssl, urllib nor ipaddress."""
    code = (
        # What runs before this (coverage measuring the process) may have loaded some of them.
        "import sys; before = set(sys.modules)\n"
        "import plait.net; plait.net.TCPEndpoint('127.0.0.1', 1)\n"
        "print(sorted({'ssl', 'urllib.parse', 'ipaddress'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_error_texts() -> None:
    """The errors of the network say what was found, what was expected and what to try."""
    assert str(errors.AddressInUse("tcp://h:1")) == (
        "cannot listen on tcp://h:1: the address is in use by another process; "
        "stop that one or choose another address"
    )
    assert "permission denied; try" in str(errors.AddressDenied("tcp://h:1", "try"))
    assert "this machine" in str(errors.AddressUnavailable("tcp://h:1", "unknown host"))
    refused = errors.InheritedSocketRefused("fd://3", "a file", "a socket")
    assert str(refused) == "cannot listen on fd://3: found a file, expected a socket"
    assert str(errors.CertificateRefused("a.pem", "no key")) == "cannot use a.pem: no key"
    assert str(errors.ProxyHeaderRefused("x", "y")) == "found x; expected y"
    assert "10.0.0.0/8" in str(errors.NetworkRefused("x"))
