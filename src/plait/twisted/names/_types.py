"""The numbers of DNS: types, classes, kinds of questions and answers, and their names."""

from __future__ import annotations

from typing import Any

__all__ = [
    "EXT_QUERIES",
    "IN",
    "QUERY_CLASSES",
    "QUERY_TYPES",
    "class_name",
    "seconds",
    "type_name",
]

IN = 1

_NAMES = "A NS MD MF CNAME SOA MB MG MR NULL WKS PTR HINFO MINFO MX TXT RP AFSDB"
QUERY_TYPES = dict(enumerate(_NAMES.split(), 1)) | {
    28: "AAAA",
    33: "SRV",
    35: "NAPTR",
    38: "A6",
    39: "DNAME",
    41: "OPT",
    44: "SSHFP",
    99: "SPF",
    249: "TKEY",
    250: "TSIG",
}
EXT_QUERIES = {251: "IXFR", 252: "AXFR", 253: "MAILB", 254: "MAILA", 255: "ALL_RECORDS"}
QUERY_CLASSES = {1: "IN", 2: "CS", 3: "CH", 4: "HS", 255: "ANY"}

_UNITS = {"S": 1, "M": 60, "H": 3600, "D": 86400, "W": 604800, "Y": 31536000}


def type_name(number: int) -> str:
    return QUERY_TYPES.get(number) or EXT_QUERIES.get(number) or f"UNKNOWN ({number})"


def class_name(number: int) -> str:
    return QUERY_CLASSES.get(number) or f"UNKNOWN ({number})"


def seconds(value: Any) -> Any:
    """
    Return a time in seconds; a text may end in a unit, as in zone files: `2H`.

    Raises:
        ValueError: The text is none.
    """
    if isinstance(value, bytes):
        value = value.decode("ascii")
    if not isinstance(value, str):
        return value
    text = value.upper().strip()
    try:
        unit = _UNITS.get(text[-1:])
        return int(text) if unit is None else int(text[:-1]) * unit
    except ValueError:
        raise ValueError(f"Invalid time interval specifier: {text}") from None
