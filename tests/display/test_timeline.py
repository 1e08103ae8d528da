"""The plot of when certificates end."""

from __future__ import annotations

import warnings
from datetime import timedelta

import pytest

from k8srun.certificates.chains import Signed
from k8srun.display.plots import show_figure
from k8srun.display.timeline import expiries_by_ca
from tests.certificates.model import NOW, authority, key, leaf


def signed(ca, count, days):
    entry = leaf("leaf", key("P-256", 9), ca)
    entry.not_after = NOW + timedelta(days=days)
    return [Signed(entry.certificate(), ("x",), ca.certificate())] * count


def test_the_sentence_counts_what_has_ended_and_what_ends_soon_for_each_ca():
    first, second = authority("first", key("P-256", 1)), authority("second", key("P-256", 2))

    _, said = expiries_by_ca([*signed(first, 2, -3), *signed(second, 3, 10), *signed(second, 1, 200)], NOW)

    assert said == (
        "Timeline of when 6 certificates end, by CA: 2 ended already, 3 within 30 days. "
        "CN=first: 2, the first 3 days ago; CN=second: 4, the first in 10 days."
    )


def test_two_cas_of_one_name_have_a_row_each():
    one, two = authority("kubernetes", key("P-256", 1)), authority("kubernetes", key("P-256", 2))

    figure, _ = expiries_by_ca([*signed(one, 1, 5), *signed(two, 1, 9)], NOW)

    assert len({label.get_text() for label in figure.axes[0].get_yticklabels()}) == 2


def test_hundreds_of_certificates_become_few_dots_and_many_cas_few_rows():
    cas = [authority(f"ca {number}", key("P-256", 1)) for number in range(20)]

    figure, said = expiries_by_ca([one for ca in cas for one in signed(ca, 10, 300)], NOW)

    assert len(figure.axes[0].get_yticklabels()) == 13
    assert len(figure.axes[0].collections) < 20
    assert "other issuers: 80" in said


def test_no_certificate_at_all_is_drawn_and_said():
    assert "None was found" in expiries_by_ca([], NOW)[1]


@pytest.mark.parametrize("name", ["$\\frac{$", "한국 CA", "\x1b[2J", "<b>"])
def test_a_name_from_a_cluster_is_text_and_nothing_else(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure, said = expiries_by_ca(signed(authority(name, key("P-256", 1)), 1, 5), NOW)
        show_figure(figure, said)
    assert "\x1b" not in said
