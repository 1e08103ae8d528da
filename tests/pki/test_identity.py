"""A user's key, request, certificate and kubeconfig: made once, never shown, never overwritten."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from k8srun.errors import InputError, RefusedError
from k8srun.pki.identity import keep_certificate, keep_kubeconfig, keep_request
from k8srun.pki.kubeconfigs import cluster_entry

NOW = datetime.now(UTC)
CLUSTER = cluster_entry("https://api.example:6443", b"the CA")


@pytest.fixture
def kept(tmp_path):
    return keep_request(tmp_path / "jane.doe", "jane", ("developers", "auditors"))


def issued(key_path, usage=ExtendedKeyUsageOID.CLIENT_AUTH, name="jane", ends=NOW + timedelta(hours=1)):
    """A certificate of the key in a file, PEM."""
    key = load_pem_private_key(key_path.read_bytes(), None)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, ends - timedelta(hours=2), ends)
    return builder.add_extension(x509.ExtendedKeyUsage([usage]), False).sign(key, SHA256()).public_bytes(Encoding.PEM)


def test_a_key_is_its_owners_alone_and_the_request_names_user_and_groups(kept, tmp_path):
    assert (kept.key, kept.path) == (tmp_path / "jane.doe.key", tmp_path / "jane.doe.csr")
    assert kept.key.stat().st_mode & 0o777 == 0o600
    request = x509.load_pem_x509_csr(kept.path.read_bytes())
    assert request.is_signature_valid
    assert request.public_key() == load_pem_private_key(kept.key.read_bytes(), None).public_key()
    assert {attribute.value for attribute in request.subject} == {"jane", "developers", "auditors"}


def test_what_was_made_once_is_used_again_to_the_byte(kept, tmp_path):
    before = kept.key.read_bytes(), kept.path.read_bytes()
    again = keep_request(tmp_path / "jane.doe", "jane", ("auditors", "developers"))
    assert again.reused
    assert not kept.reused
    assert (kept.key.read_bytes(), kept.path.read_bytes()) == before
    assert again.pem == kept.pem


def test_a_key_that_is_there_gets_a_request(kept, tmp_path):
    key = kept.key.read_bytes()
    kept.path.unlink()
    assert keep_request(tmp_path / "jane.doe", "jane").request.organizations == ()
    assert kept.key.read_bytes() == key


@pytest.mark.parametrize(("user", "groups"), [("eve", ("developers", "auditors")), ("jane", ()), ("jane", ("x",))])
def test_a_request_for_somebody_else_is_not_taken_for_this_one(kept, tmp_path, user, groups):
    with pytest.raises(RefusedError, match="the request that is there is for CN=jane"):
        keep_request(tmp_path / "jane.doe", user, groups)


def test_a_request_of_another_key_is_not_taken_for_this_one(kept, tmp_path):
    other = keep_request(tmp_path / "other", "jane", ("developers", "auditors"))
    kept.path.write_bytes(other.pem)
    with pytest.raises(RefusedError, match="it was not made with the key"):
        keep_request(tmp_path / "jane.doe", "jane", ("developers", "auditors"))


def test_a_request_without_its_key_is_left_alone(kept, tmp_path):
    kept.key.unlink()
    with pytest.raises(RefusedError, match="its key is not there"):
        keep_request(tmp_path / "jane.doe", "jane")
    assert not kept.key.exists()


def test_a_key_that_others_may_read_is_refused(kept, tmp_path):
    kept.key.chmod(0o640)
    with pytest.raises(RefusedError, match="others may read this key"):
        keep_request(tmp_path / "jane.doe", "jane", ("developers", "auditors"))


def encrypted():
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2"))


def of_another_kind():
    return ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "content", [b"", b"not a key", b"\x00" * 5000, encrypted(), of_another_kind(), b"<html>", b"x" * 2_000_000],
    ids=["empty", "text", "binary", "encrypted", "ed25519", "html", "large"],
)  # fmt: skip
def test_a_key_file_that_holds_no_usable_key_is_an_error_without_its_content(tmp_path, content):
    (tmp_path / "jane.key").write_bytes(content)
    (tmp_path / "jane.key").chmod(0o600)
    with pytest.raises(InputError) as caught:
        keep_request(tmp_path / "jane", "jane")
    assert str(tmp_path / "jane.key") in str(caught.value)
    lines = content.decode(errors="replace").splitlines()
    assert not any(len(line) > 20 and line in str(caught.value) for line in lines)
    assert not (tmp_path / "jane.csr").exists()


@pytest.mark.parametrize("content", [b"", b"not a request", b"\x00" * 500, b"<html>"])
def test_a_request_file_that_is_none_is_an_error(kept, tmp_path, content):
    kept.path.write_bytes(content)
    with pytest.raises(InputError, match="it is no certificate request"):
        keep_request(tmp_path / "jane.doe", "jane")


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb", "a\x00b", "a\u202eb", "jane "])
def test_a_name_that_a_certificate_cannot_carry_is_refused_before_anything_is_written(tmp_path, name):
    for user, groups in ((name, ()), ("jane", (name,))):
        with pytest.raises(InputError, match="cannot be a"):
            keep_request(tmp_path / "x", user, groups)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_error_that_says_so(tmp_path):
    with pytest.raises(InputError, match="it cannot be written: No such file"):
        keep_request(tmp_path / "no" / "jane", "jane")


def test_a_certificate_is_kept_once_it_is_seen_to_belong_to_the_key(kept, tmp_path):
    pem = issued(kept.key)
    assert keep_certificate(tmp_path / "out.crt", pem, kept.key).common_name == "jane"
    assert (tmp_path / "out.crt").read_bytes() == pem
    keep_certificate(tmp_path / "out.crt", pem, kept.key)  # the same again changes nothing


def test_a_certificate_of_another_key_is_not_written(kept, tmp_path):
    other = keep_request(tmp_path / "other", "eve")
    with pytest.raises(InputError, match="belongs to another key"):
        keep_certificate(tmp_path / "out.crt", issued(other.key), kept.key)
    assert not (tmp_path / "out.crt").exists()


def test_another_file_in_its_place_is_left_alone(kept, tmp_path):
    (tmp_path / "out.crt").write_text("mine")
    with pytest.raises(RefusedError, match="nothing was overwritten"):
        keep_certificate(tmp_path / "out.crt", issued(kept.key), kept.key)
    assert (tmp_path / "out.crt").read_text() == "mine"


@pytest.mark.parametrize("pem", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA"])
def test_what_is_no_certificate_is_not_written(kept, tmp_path, pem):
    with pytest.raises(InputError, match="no certificate can be read"):
        keep_certificate(tmp_path / "out.crt", pem, kept.key)


def made(kept, tmp_path, pem, **options):
    (tmp_path / "c.crt").write_bytes(pem)
    fields = {"cluster_name": "prod", **options}
    return keep_kubeconfig(tmp_path / "c.conf", kept.key, tmp_path / "c.crt", CLUSTER, NOW, **fields)


def test_a_kubeconfig_holds_server_ca_certificate_and_key(kept, tmp_path):
    pem = issued(kept.key)
    told = made(kept, tmp_path, pem, namespace="shop")
    assert (tmp_path / "c.conf").stat().st_mode & 0o777 == 0o600
    config = yaml.safe_load((tmp_path / "c.conf").read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://api.example:6443"
    assert base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]) == b"the CA"
    user = config["users"][0]["user"]
    assert base64.b64decode(user["client-certificate-data"]) == pem
    key = load_pem_private_key(base64.b64decode(user["client-key-data"]), None)
    assert key.public_key() == x509.load_pem_x509_certificate(pem).public_key()
    assert config["contexts"] == [
        {"name": "jane@prod", "context": {"cluster": "prod", "user": "jane", "namespace": "shop"}}
    ]
    assert config["current-context"] == told["context"] == "jane@prod"
    assert user["client-key-data"] not in str(told)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ends": NOW - timedelta(minutes=1)}, "the certificate expired"),
        ({"usage": ExtendedKeyUsageOID.SERVER_AUTH}, "none of a client: it is for serverAuth"),
        ({"name": ""}, "names no user"),
    ],
)
def test_a_certificate_that_would_not_let_anybody_in_gives_no_kubeconfig(kept, tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        made(kept, tmp_path, issued(kept.key, **options))
    assert not (tmp_path / "c.conf").exists()


def test_a_kubeconfig_that_is_there_is_not_overwritten(kept, tmp_path):
    (tmp_path / "c.conf").write_text("mine")
    with pytest.raises(RefusedError, match="nothing was overwritten"):
        made(kept, tmp_path, issued(kept.key))
    assert (tmp_path / "c.conf").read_text() == "mine"


def test_an_rsa_key_of_openssl_serves_as_well(tmp_path):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (tmp_path / "jane.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "jane.key").chmod(0o600)
    assert keep_request(tmp_path / "jane", "jane").request.key_type == "RSA 2048"


def test_without_a_ca_the_systems_authorities_are_meant():
    assert cluster_entry("https://x", b"", server_name="api") == {"server": "https://x", "tls-server-name": "api"}
