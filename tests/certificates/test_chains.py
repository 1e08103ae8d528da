"""Who signed what, over everything that a snapshot holds."""

from __future__ import annotations

from dataclasses import replace

from k8srun.certificates.chains import chains
from k8srun.hostfiles import HostFile, Topic
from k8srun.snapshot import Snapshot
from tests.certificates.cluster import PKI, Cluster, certificate, serving
from tests.certificates.model import NOW, authority, key


def of(files):
    return chains(Snapshot(NOW, files=tuple(
        HostFile(f"{PKI}/{name}", Topic.PKI, host="node-1", pem=certificate(*entries))
        for name, entries in files.items()
    )))  # fmt: skip


def subjects(found):
    return [(one.depth, one.certificate.subject) for one in found]


def test_a_certificate_follows_the_one_that_signed_it_whatever_the_order_of_the_files():
    root = authority("root", key("P-256", 1))
    between = authority("between", key("P-256", 2), root)

    found = of({"a.crt": [serving(between)], "b.crt": [between], "c.crt": [root]})

    assert [depth for depth, _ in subjects(found)] == [0, 1, 2]
    assert [one.certificate.subject for one in found][:2] == ["CN=root", "CN=between"]
    assert [one.signer.subject for one in found] == ["CN=root", "CN=root", "CN=between"]


def test_a_ca_of_the_same_name_and_another_key_is_not_the_signer():
    old, new = authority("kubernetes", key("P-256", 1)), authority("kubernetes", key("P-256", 2))

    found = of({"apiserver.crt": [serving(new)], "ca.crt": [old]})

    assert {
        one.certificate.subject: one.signer and one.signer.subject for one in found if not one.certificate.is_ca
    } == {"CN=kube-apiserver": None}
    assert {one.depth for one in found} == {0}


def test_a_certificate_at_several_places_stands_there_once_with_all_of_them():
    ca = authority("kubernetes", key("P-256", 1))

    (one,) = of({"ca.crt": [ca], "copy.crt": [ca]})

    assert one.places == (f"{PKI}/ca.crt on node-1", f"{PKI}/copy.crt on node-1")


def test_two_cas_that_have_signed_each_other_are_both_there():
    one, two = key("P-256", 1), key("P-256", 2)
    first, second = authority("one", one), authority("two", two)

    found = of({"a.crt": [authority("one", one, second)], "b.crt": [authority("two", two, first)]})

    assert sorted(one.certificate.subject for one in found) == ["CN=one", "CN=two"]


def test_every_certificate_of_a_cluster_is_in_it_once():
    snapshot = Cluster().snapshot()

    found = chains(snapshot)

    assert len({one.certificate for one in found}) == len(found)
    assert found == chains(replace(snapshot))
