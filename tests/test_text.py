"""Strings from a cluster are inert and short before anything shows them."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from k8srun.text import plural, visible


def test_ordinary_text_of_any_language_is_left_alone():
    assert visible("쿠버네티스 — naïve <b> 😀") == "쿠버네티스 — naïve <b> 😀"


def test_terminal_escapes_and_overrides_are_written_out():
    assert visible("\x1b[31mred\u202etxt.exe\u200b") == r"\u{1b}[31mred\u{202e}txt.exe\u{200b}"


def test_a_line_break_is_kept_only_where_it_is_wanted():
    assert visible("a\nb") == r"a\u{a}b"
    assert visible("a\nb", keep_newlines=True) == "a\nb"
    assert visible("a\r\nb", keep_newlines=True) == "a\\u{d}\nb"


def test_long_text_is_cut_and_says_how_much_is_missing():
    assert visible("x" * 25, limit=20) == "x" * 20 + "… (+5 characters)"


@given(st.text())
def test_nothing_that_acts_remains(text):
    shown = visible(text)
    assert all(unicodedata.category(char) not in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"} for char in shown)


def test_a_count_agrees_with_its_noun():
    assert [plural(0, "run"), plural(1, "entry", "entries"), plural(2, "entry", "entries")] == [
        "0 runs",
        "1 entry",
        "2 entries",
    ]
