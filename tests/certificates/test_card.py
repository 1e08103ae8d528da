"""One certificate in full, what belongs together in a file, and the list of an inventory."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8srun.certificates.card import card, days_left, details, validity
from k8srun.certificates.case import World, view_of
from k8srun.certificates.connection import Connection, Trust
from k8srun.certificates.contents import Contents
from k8srun.certificates.explanation import explained
from k8srun.certificates.inventory import Bundle, Holder
from k8srun.certificates.listing import listing
from k8srun.certificates.verification import ErrorKind
from k8srun.codec import encode
from k8srun.distribution import Distribution
from k8srun.pem import PemBlock
from k8srun.snapshot import Snapshot
from k8srun.x509 import MalformedCertificate
from tests.certificates import der
from tests.certificates.cluster import Cluster, certificate, private, serving, user
from tests.certificates.model import NAME_CONSTRAINTS, NOW, Entry, authority, key, leaf
from tests.certificates.scenarios import scenario


def apiserver() -> Entry:
    made = serving(authority("kubernetes", key("RSA")), key("P-256"))
    made.serial = 0x0123456789ABCDEF01
    return made


def rows(entry: Entry, now=NOW) -> dict[str, str]:
    return dict(card(entry.certificate(), now))


def test_a_card_says_what_a_person_looks_for():
    shown = rows(apiserver())
    assert shown["Subject"] == "CN=kube-apiserver"
    assert shown["Issuer"] == "CN=kubernetes"
    assert shown["Valid"] == "2026-04-17 12:00:00 to 2027-04-17 12:00:00 UTC"
    assert shown[""] == "335 days left"
    assert shown["Serial"] == f"0123456789ABCDEF01 ({0x0123456789ABCDEF01})"
    assert shown["Key"] == "EC secp256r1"
    assert shown["Signature"] == "SHA256-RSA"
    assert shown["Names"] == (
        "DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:api.example, IP:10.96.0.1, "
        "IP:192.0.2.10"
    )
    assert shown["CA"] == "no (critical)"
    assert shown["Key usage"] == "digitalSignature, keyEncipherment (critical)"
    assert shown["Extended"] == "serverAuth"
    assert shown["AKI"] == key("RSA").identifier.hex(":").upper()
    assert "SKI" not in shown


def test_a_ca_shows_its_path_length_and_the_names_that_it_may_sign_for():
    ca = authority("kubernetes", key("RSA"))
    ca.extend("2.5.29.19", der.basic_constraints(True, 0), True)
    ca.extend(NAME_CONSTRAINTS, der.name_constraints(permitted=(der.dns("example.com"),)), True)
    shown = rows(ca)
    assert shown["Issuer"] == "CN=kubernetes (self-signed)"
    assert shown["CA"] == "yes, path length 0 (critical)"
    assert shown["Constraints"] == "permitted dns: example.com (critical)"
    assert shown["Names"] == "none"


@pytest.mark.parametrize(("moment", "state", "left", "shown"), [
    (NOW - timedelta(days=30, seconds=1), "not yet valid", 365, "NOT YET VALID"),
    (NOW - timedelta(days=30), "valid", 365, "365 days left"),
    (NOW + timedelta(days=335), "valid", 0, "0 days left"),
    (NOW + timedelta(days=335, seconds=1), "expired", -1, "EXPIRED less than a day ago"),
    (NOW + timedelta(days=338, seconds=1), "expired", -4, "EXPIRED 3 days ago"),
])  # fmt: skip
def test_both_ends_belong_to_the_validity(moment, state, left, shown):
    made = apiserver().certificate()
    assert (validity(made, moment), days_left(made, moment)) == (state, left)
    assert dict(card(made, moment))[""] == shown


def test_a_name_from_a_cluster_cannot_act_on_a_terminal():
    hostile = leaf("x\x1b[2J\u202e", key("P-256"), None)
    shown = rows(hostile)["Subject"]
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\u{1b}[2J\\u{202e}" in shown


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_certificate_that_go_refuses_says_so():
    entry = apiserver()
    entry.serial = -5
    shown = rows(entry)
    assert shown["Refused"] == "by Go, so by Kubernetes: x509: negative serial number"
    assert details(entry.certificate(), NOW)["refused"] == "x509: negative serial number"


def test_the_data_name_every_extension_and_keep_the_serial_number_exact():
    told = json.loads(encode(details(apiserver().certificate(), NOW)))
    assert told["serial_decimal"] == str(0x0123456789ABCDEF01)
    assert [(item["name"], item["critical"]) for item in told["extensions"]] == [
        ("keyUsage", True), ("extKeyUsage", False), ("basicConstraints", True), ("authorityKeyIdentifier", False),
        ("subjectAltName", False),
    ]  # fmt: skip
    assert (told["validity"], told["days_left"], told["self_signed"]) == ("valid", 335, False)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_fingerprints_and_serial_number_are_those_that_openssl_shows(tmp_path):
    made = apiserver()
    file = tmp_path / "a.der"
    file.write_bytes(made.der())
    shown = rows(made)
    for option, label in (("-sha256", "SHA-256"), ("-sha1", "SHA-1")):
        said = subprocess.run(
            ["openssl", "x509", "-inform", "DER", "-in", str(file), "-noout", "-fingerprint", option, "-serial"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        assert f"ingerprint={shown[label]}" in said
        assert f"serial={shown['Serial'].split()[0]}" in said


@pytest.mark.filterwarnings("ignore")  # the library warns of what is odd and reads it
@given(st.integers(0, 10**9))
@settings(max_examples=60, deadline=None)
def test_any_certificate_that_can_be_read_can_be_shown(seed):
    for entry in scenario(seed).chain:
        try:
            made = entry.certificate()
        except MalformedCertificate:
            continue
        assert card(made, NOW)
        encode(details(made, NOW))


def bundle(*blocks: PemBlock, place: str = "f.pem") -> Bundle:
    return Bundle(Holder.FILE, place, blocks, path=place)


def test_a_key_is_told_from_the_certificate_that_it_was_not_made_for():
    ca = authority("kubernetes", key("P-256", 1))
    mine, other = user(ca, "mara", key("P-256", 2)), user(ca, "jane", key("P-256", 3))
    found = Contents([bundle(*certificate(mine, other), private(key("P-256", 3)), private(key("P-256", 4)))])
    assert [found.keys_of(item.certificate) for item in found.certificates] == [(), ("f.pem, key 1",)]
    assert [found.certificates_of(item.block) for item in found.keys] == [("f.pem, certificate 2",), ()]


def test_the_issuer_is_who_signed_not_who_has_the_name():
    real, namesake = authority("kubernetes", key("P-256", 1)), authority("kubernetes", key("P-256", 2))
    found = Contents([bundle(*certificate(namesake, real, user(real)))])
    assert found.issuers_of(found.certificates[2].certificate) == ("f.pem, certificate 2",)
    assert found.issuers_of(found.certificates[0].certificate) == ()  # itself


def test_a_broken_block_is_kept_beside_what_can_be_read():
    broken = PemBlock("CERTIFICATE", line=7, error="truncated: no END line")
    locked = PemBlock("ENCRYPTED PRIVATE KEY", line=9, error="encrypted with a passphrase: …")
    found = Contents([bundle(broken, *certificate(apiserver()), locked, PemBlock("PUBLIC KEY", der=b"x"))])
    assert [(item.place, item.line) for item in found.broken] == [("f.pem", 7)]
    assert [item.place for item in found.certificates] == ["f.pem, certificate 2"]
    assert [item.block.label for item in found.keys] == ["ENCRYPTED PRIVATE KEY"]
    assert [item.block.label for item in found.others] == ["PUBLIC KEY"]


def test_what_an_endpoint_presented_and_cannot_be_read_is_broken():
    found = Contents([Bundle(Holder.ENDPOINT, "endpoint a:1", (PemBlock("CERTIFICATE", der=b"0\x03abc"),))])
    (item,) = found.broken
    assert "malformed certificate" in item.block.error
    assert item.line == 0


def listed(cluster: Cluster, now=NOW) -> dict[str, object]:
    return {row.where: row for row in listing(cluster.snapshot(), now)}


def test_the_list_is_sorted_by_the_end_then_what_is_broken_then_the_keys():
    cluster = Cluster()
    cluster.apiserver.not_after = NOW + timedelta(days=3)
    cluster.admin.not_after = NOW - timedelta(days=1)
    cluster.ca_blocks = (PemBlock("CERTIFICATE", line=4, error="truncated: no END line"),)
    found = listing(cluster.snapshot(), NOW)
    kinds = [row.kind for row in found]
    assert kinds == sorted(kinds, key=["certificate", "broken", "key"].index)
    assert set(kinds) == {"certificate", "broken", "key"}
    ends = [row.not_after for row in found if row.kind == "certificate"]
    assert ends == sorted(ends)
    assert (found[0].validity, found[0].days_left) == ("expired", -1)
    (broken,) = [row for row in found if row.kind == "broken"]
    assert broken.error == "CERTIFICATE: truncated: no END line"


def test_a_row_says_role_use_issuer_and_key():
    found = listed(Cluster())
    serving_row = found["/etc/kubernetes/pki/apiserver.crt on node-1"]
    assert serving_row.role == "apiserver"
    assert serving_row.used_by == ("kube-apiserver --tls-cert-file",)
    assert serving_row.pair == ("/etc/kubernetes/pki/apiserver.key on node-1",)
    assert "/etc/kubernetes/pki/ca.crt on node-1" in serving_row.issued_by
    key_row = found["/etc/kubernetes/pki/apiserver.key on node-1"]
    assert serving_row.where in key_row.pair
    ca_row = found["/etc/kubernetes/pki/ca.crt on node-1"]
    assert "kube-apiserver trusts kubectl" in ca_row.serves
    etcd_row = found["/etc/kubernetes/pki/etcd/server.crt on node-1"]
    assert "etcd to kube-apiserver" in etcd_row.serves


def view(s, *, usage=""):
    roots = bundle(*certificate(*s.roots), place="roots.pem")
    chain = (s.leaf.certificate(), *certificates(s.intermediates))
    return view_of(
        Connection(usage or s.usage, "", "", chain=chain, place="leaf", trust=Trust(roots), name=s.name), s.now
    )


def certificates(entries):
    return bundle(*certificate(*entries)).certificates


@pytest.mark.filterwarnings("ignore")  # the library warns of what is odd and reads it
@given(st.integers(0, 10**9))
@settings(max_examples=150, deadline=None)
def test_every_problem_is_explained_by_causes_of_the_catalogue_in_its_order(seed):
    asked = scenario(seed)
    world = World(Snapshot(taken_at=asked.now), asked.now, Distribution("unknown"))
    try:
        found = view(asked)
    except MalformedCertificate:
        return
    told = explained(world, found)
    assert list(dict.fromkeys(item.message for item in told)) == list(
        dict.fromkeys(problem.message for problem in found.problems)
    )
    for item in told:
        assert bool(item.id) == bool(item.title)
        assert item.id or item.kind is ErrorKind.SIGNATURE_LIMIT


def cause_of(end: Entry, *roots: Entry, between=(), usage="server", name="", now=NOW):
    trusted = bundle(*certificate(*roots), place="roots.pem")
    chain = (end.certificate(), *certificates(between))
    world = World(Snapshot(taken_at=now), now, Distribution("unknown"))
    connection = Connection(usage, "", "", chain=chain, place="leaf", trust=Trust(trusted), name=name)
    return [(item.id, item.status.value) for item in explained(world, view_of(connection, now))]


CA, OTHER = authority("kubernetes", key("P-256", 1)), authority("kubernetes", key("P-256", 2))
FAR = NOW + timedelta(days=3000)


def chain_of_three(**fields):
    between = authority("between", key("P-256", 3), CA, **fields)
    return serving(between), between


def test_the_cause_tells_whose_certificate_it_is_that_is_out_of_date():
    long = authority("kubernetes", key("P-256", 1), not_after=FAR + timedelta(days=9))
    end, between = chain_of_three()
    end.not_after = FAR + timedelta(days=9)
    assert cause_of(serving(long), long, now=FAR) == [("certificate-expired", "confirmed")]
    assert cause_of(user(long), long, usage="client", now=FAR) == [("client-certificate-expired", "confirmed")]
    assert cause_of(end, long, between=(between,), now=FAR)[0] == ("intermediate-expired", "confirmed")
    assert cause_of(end, between, now=FAR)[0] == ("ca-expired", "confirmed")


def test_the_cause_tells_a_rebuilt_ca_from_a_wrong_one():
    assert cause_of(serving(CA), OTHER) == [("ca-rebuilt", "confirmed")]
    assert cause_of(serving(CA), authority("another", key("P-256", 2))) == [
        ("wrong-ca-bundle", "open"), ("intermediate-not-sent", "open"),
    ]  # fmt: skip
    assert cause_of(user(CA), authority("another", key("P-256", 2)), usage="client")[0] == (
        "client-certificate-of-another-ca", "open",
    )  # fmt: skip
    assert cause_of(serving(None), CA) == [("self-signed", "confirmed")]
    assert cause_of(serving(CA), serving(OTHER)) == [("leaf-as-ca", "confirmed")]


def test_the_cause_tells_which_certificate_lacks_the_usage():
    limited = authority("kubernetes", key("P-256", 1))
    limited.extend("2.5.29.37", der.extended_key_usage("1.3.6.1.5.5.7.3.2"))
    assert cause_of(user(CA), CA) == [("key-usage-wrong", "confirmed")]
    assert cause_of(serving(CA), CA, usage="client") == [("client-certificate-usage", "confirmed")]
    assert cause_of(serving(limited), limited) == [("ca-usage-wrong", "confirmed")]


def test_the_cause_tells_a_name_that_is_missing_from_names_that_are_missing():
    assert cause_of(serving(CA), CA, name="other.example") == [("san-missing", "confirmed")]
    assert cause_of(leaf("host", key("P-256"), CA), CA, name="host") == [("no-san", "confirmed")]
    as_dns = leaf("host", key("P-256"), CA, der.dns("10.0.0.1"))
    assert cause_of(as_dns, CA, name="10.0.0.1") == [("ip-as-dns-name", "confirmed")]


def test_a_certificate_that_verifies_has_no_cause():
    assert cause_of(serving(CA), CA, name="api.example") == []


def test_an_intermediate_that_is_no_ca_is_the_cause():
    between = leaf("between", key("P-256", 3), CA)
    assert cause_of(serving(between), CA, between=(between,))[0] == ("ca-cannot-sign", "confirmed")


def test_an_intermediate_of_the_right_name_with_another_key_is_a_rebuilt_ca():
    end, _ = chain_of_three()
    again = authority("between", key("P-256", 4), CA)
    assert cause_of(end, CA, between=(again,)) == [("ca-rebuilt", "confirmed")]
