"""The gate: one confirmation, for one thing, for half an hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.apply.gate import VALID_FOR, Basis, issued_at, require
from k8srun.errors import RefusedError

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
BASIS = Basis(cluster="uid", plan=("digest", False), objects=[{"mark": "m"}, None], impact=("Restarts the pods.",))


def passes(confirm, basis=BASIS, now=NOW, **more):
    require(confirm, basis, now, valid_for=VALID_FOR, **more)


def test_the_exact_confirmation_passes_until_it_expires():
    confirm = BASIS.confirmation(NOW)
    passes(confirm)
    passes(f"  {confirm}\n")
    passes(confirm, now=NOW + VALID_FOR)
    with pytest.raises(RefusedError, match="expired less than a minute ago; nothing was changed"):
        passes(confirm, now=NOW + VALID_FOR + timedelta(seconds=1))
    with pytest.raises(RefusedError, match="expired 90 minutes ago"):
        passes(confirm, now=NOW + timedelta(hours=2))


def test_a_confirmation_of_a_time_zone_is_the_same():
    assert BASIS.confirmation(NOW.astimezone(None)) == BASIS.confirmation(NOW)
    assert issued_at(BASIS.confirmation(NOW)) == NOW


def test_a_confirmation_from_the_future_is_refused():
    passes(BASIS.confirmation(NOW + timedelta(seconds=30)))
    with pytest.raises(RefusedError, match="from the future"):
        passes(BASIS.confirmation(NOW + timedelta(hours=1)))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("cluster", "production", "given for another cluster"),
        ("plan", ("digest", True), "another plan, or with other options"),
        ("objects", [{"mark": "n"}, None], "is not as it was shown: Role shop/x was changed by bob"),
        ("impact", ("Restarts everything.",), "its impact is not what was shown"),
    ],
)
def test_another_thing_is_refused_and_the_part_that_differs_is_named(field, value, said):
    with pytest.raises(RefusedError, match=said):
        passes(BASIS.confirmation(NOW), replace(BASIS, **{field: value}), changes=("Role shop/x was changed by bob",))


def test_a_time_that_was_moved_is_refused():
    later = (NOW + timedelta(hours=1)).strftime("%Y%m%dT%H%M%SZ")
    moved = later + BASIS.confirmation(NOW)[16:]
    with pytest.raises(RefusedError, match="not the one that was printed"):
        passes(moved, now=NOW + timedelta(hours=1))


@given(st.text())
def test_anything_else_is_refused(text):
    with pytest.raises(RefusedError, match="this is no confirmation: nothing was changed"):
        passes(text or "x")


@given(place=st.integers(0, 68), char=st.sampled_from("0123456789abcdef"))
def test_one_character_that_differs_is_refused(place, char):
    confirm = BASIS.confirmation(NOW)
    other = confirm[:place] + char + confirm[place + 1 :]
    if other != confirm:
        with pytest.raises(RefusedError):
            passes(other)


def test_the_order_of_keys_does_not_matter():
    turned = replace(BASIS, objects=[{"b": 1, "a": 2}])
    same = replace(BASIS, objects=[{"a": 2, "b": 1}])
    assert turned.confirmation(NOW) == same.confirmation(NOW)
