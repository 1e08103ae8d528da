"""The tables of a notebook."""

from __future__ import annotations

from datetime import timedelta

import pytest

from k8srun.certificates.chains import chains
from k8srun.certificates.connections import connections
from k8srun.certificates.inventory import Bundle, Held, Holder, inventory
from k8srun.certificates.listing import listing
from k8srun.certificates.verification import verify
from k8srun.display import tables
from tests.certificates import check_cases
from tests.certificates.cluster import Cluster, serving
from tests.certificates.model import NOW, authority, key

CA = authority("kubernetes", key("P-256", 1))


@pytest.fixture(scope="module")
def snapshot():
    return Cluster().snapshot()


def test_what_ends_within_some_days_is_what_has_ended_and_what_ends_until_then():
    assert list(tables.certificates(ending(-3, 29, 31), NOW, within_days=30).index) == ["-3", "29"]
    assert list(tables.certificates(ending(-3, 29, 31), NOW).index) == ["-3", "29", "31"]


def ending(*days):
    entry = serving(CA)
    for day in days:
        entry.not_after = NOW + timedelta(days=day)
        yield Held(entry.certificate(), Bundle(Holder.FILE, str(day), ()))


def test_a_role_that_was_not_found_stands_in_the_table_with_the_place_where_it_belongs(snapshot):
    shown = tables.roles(inventory(snapshot))

    assert shown.loc["apiserver", "Found"] == "CN=kube-apiserver"
    assert shown.loc["etcd-healthcheck-client", "Found"] == "not found"
    assert shown.loc["etcd-healthcheck-client", "Where"] == "/etc/kubernetes/pki/etcd/healthcheck-client.crt"


def test_a_flag_stands_beside_what_its_file_is_for(snapshot):
    shown = tables.flags(inventory(snapshot))

    one = shown[shown["Flag"] == "--etcd-certfile"].iloc[0]
    assert one["What it is"] == "the API server's client certificate for etcd"


def test_what_cert_manager_keeps_stands_with_its_renewal_and_one_that_is_not_ready_with_the_reason():
    kept, not_kept = (tables.managed(listing(made(), NOW)).iloc[0] for made in (check_cases.kept, check_cases.not_kept))

    assert (kept["State"], kept["Renewed"]) == ("ready", f"{NOW + timedelta(days=30):%Y-%m-%d %H:%M}")
    assert kept["Written to"] == "Secret platform/policy-tls, tls.crt"
    assert (not_kept["State"], not_kept["Ends"]) == ("not ready", "")
    assert "Secret does not exist" in not_kept["What it says"]


def test_a_connection_says_what_go_says_of_it(snapshot):
    shown = tables.connections(connections(snapshot, inventory(snapshot)), NOW + timedelta(days=40000))

    assert any("certificate has expired" in said for said in shown["Go says"])
    assert "ok" in set(tables.connections(connections(snapshot, inventory(snapshot)), NOW)["Go says"])


def test_a_verification_shows_gos_words_and_everything_else_that_is_wrong():
    leaf = serving(CA).certificate()

    answer = verify(leaf, roots=[], name="db.example", now=leaf.not_after + timedelta(days=1))
    shown = tables.verification(answer)

    assert shown.loc["Verdict", "Value"] == "invalid"
    assert shown.loc["Go says", "Value"] == answer.message
    assert [row for row in shown.index if row.startswith("Wrong: ")] == [
        "Wrong: expired", "Wrong: hostname", "Wrong: unknown authority",
    ]  # fmt: skip


def test_a_certificate_is_indented_below_its_signer(snapshot):
    shown = tables.chains(chains(snapshot), NOW)

    assert "└ CN=kube-apiserver" in shown.index
    assert shown.loc["└ CN=kube-apiserver", "Signed by"] == "CN=kubernetes"
