"""Records: frozen values with named fields."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.records import Record


class Place(Record):
    """A record with a field of each kind."""

    kind: ClassVar[str] = "place"

    host: str
    port: int = 80

    def __post_init__(self) -> None:
        if self.port < 0:
            raise ValueError("port")


class SecurePlace(Place):
    """A record that adds a field, and has another default for one that it inherits."""

    port: int = 443
    cert: str = ""


def test_fields_come_by_position_and_by_name() -> None:
    """Fields of the base class come first, defaults fill in, and a class's own default wins."""
    assert Place("a").fields() == {"host": "a", "port": 80}
    assert SecurePlace("a", cert="c").fields() == {"host": "a", "port": 443, "cert": "c"}
    assert SecurePlace("a", 1, "c") == SecurePlace(cert="c", port=1, host="a")


def test_a_class_variable_is_no_field() -> None:
    """What is annotated as `ClassVar` cannot be given."""
    with pytest.raises(TypeError, match="Place has no kind; it has host, port"):
        Place("a", kind="b")  # type: ignore[call-arg]  # that it is refused is the point


def test_a_record_needs_each_field_once() -> None:
    """A field that is missing, given twice, or given beyond the last is refused by name."""
    with pytest.raises(TypeError, match="Place needs host"):
        Place()  # type: ignore[call-arg]  # that it is refused is the point
    with pytest.raises(TypeError, match="Place needs host"):
        Place(port=1, wrong=2)  # type: ignore[call-arg]  # that it is refused is the point
    with pytest.raises(TypeError, match="takes host, port, each once"):
        Place("a", host="b")  # type: ignore[misc]  # that it is refused is the point
    with pytest.raises(TypeError, match="takes host, port, each once"):
        Place("a", 1, 2)  # type: ignore[call-arg]  # that it is refused is the point


def test_a_record_is_frozen() -> None:
    """No field can be set or deleted, and none added."""
    place = Place("a")
    with pytest.raises(AttributeError, match="Place is frozen; port cannot be set"):
        place.port = 1  # type: ignore[misc]  # that it is refused is the point
    with pytest.raises(AttributeError, match="Place is frozen; port cannot be deleted"):
        del place.port
    assert place == Place("a", 80)


def test_a_record_is_checked_when_made_and_when_replaced() -> None:
    """`__post_init__` sees every new record."""
    with pytest.raises(ValueError, match="port"):
        Place("a", -1)
    with pytest.raises(ValueError, match="port"):
        Place("a").replace(port=-1)
    assert Place("a").replace(port=1) == Place("a", 1)


def test_records_of_other_classes_are_not_equal() -> None:
    """Equality wants the class to be the same, as the hash does."""
    assert Place("a", 443) != SecurePlace("a", 443)
    assert {Place("a"), Place("a", 80)} == {Place("a")}


@given(st.text(), st.integers(min_value=0))
def test_copies_are_equal(host: str, port: int) -> None:
    """A record survives copying, pickling and its own fields by name."""
    place = Place(host, port)
    for other in (copy.deepcopy(place), pickle.loads(pickle.dumps(place)), Place(**place.fields())):
        assert other == place
        assert hash(other) == hash(place)
        assert repr(other) == repr(place)


def test_the_signature_and_the_pattern_show_the_fields() -> None:
    """`inspect.signature`, and so `help()`, names fields and defaults; `match` takes them apart."""
    assert (
        str(inspect.signature(SecurePlace)) == "(host: 'str', port: 'int' = 443, cert: 'str' = '')"
    )
    match SecurePlace("a", cert="c"):
        case SecurePlace(host, _, cert):
            assert (host, cert) == ("a", "c")


def test_what_was_changed() -> None:
    """`changed` leaves out what has its default value, and keeps what has none."""
    assert SecurePlace("a", 443, "c").changed() == {"host": "a", "cert": "c"}
