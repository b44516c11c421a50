"""What every endpoint promises: it is a value, and its URL says all of it."""

from __future__ import annotations

import pickle
from copy import deepcopy
from typing import TYPE_CHECKING

from plait.errors import EndpointError

from ._checks import ContractBrokenError

if TYPE_CHECKING:
    from plait.net import Endpoint

__all__ = ["check_endpoint"]


def check_endpoint(endpoint: Endpoint) -> None:
    """
    Check that an endpoint keeps its contract.

    It cannot be changed, is equal to its copies and hashes like them, survives pickling (workers
    are told their endpoints that way), and its URL, which is one printable word, reads back as
    itself.

    Args:
        endpoint:
            The endpoint.

    Raises:
        ContractBrokenError: A promise is not kept; the text says which, and what was found.
    """
    from plait.net import parse

    url = str(endpoint)
    _expect(url.isprintable() and " " not in url, "is_one_word", f"its URL is {url!r}")
    try:
        back = parse(url)
    except EndpointError as error:
        raise ContractBrokenError("reads_back", str(error)) from error
    _expect(back == endpoint, "reads_back", f"{url} reads back as {back!r}, not as {endpoint!r}")
    _expect(str(back) == url, "writes_once", f"{url} is written anew as {str(back)!r}")
    copies = {
        "deepcopy": deepcopy(endpoint),
        "pickle": pickle.loads(pickle.dumps(endpoint)),  # it was made just here
        "replace": endpoint.replace(),
    }
    for how, copy in copies.items():
        same = copy == endpoint and hash(copy) == hash(endpoint) and type(copy) is type(endpoint)
        _expect(same, "copies_are_equal", f"its copy by {how} is {copy!r}, not {endpoint!r}")
    _expect(endpoint != url, "is_no_text", "it is equal to its URL as text")
    for name in [*vars(endpoint), "anything"]:
        try:
            setattr(endpoint, name, None)
        except AttributeError:
            continue
        raise ContractBrokenError("is_frozen", f"its attribute {name!r} could be set")


def _expect(holds: bool, check: str, complaint: str) -> None:
    if not holds:
        raise ContractBrokenError(check, complaint)
