"""The work that a PKCS #12 file demands is known before it is done."""

from __future__ import annotations

import datetime as dt
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from k8srun.errors import InputError
from k8srun.sources.certificates import read_certificates
from k8srun.sources.derivation import MOST_ITERATIONS, most_iterations
from tests.certificates import der

PASSWORD = b"canary-of-a-password"
SALT = bytes(range(8))


@pytest.fixture(scope="module")
def pair():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web")])
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + dt.timedelta(days=365))
    return key, builder.sign(key, hashes.SHA256())


def store(pair, iterations: int) -> bytes:
    form = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(iterations).hmac_hash(hashes.SHA256())
    return pkcs12.serialize_key_and_certificates(b"web", *pair, None, form.build(PASSWORD))


def demanding(iterations: int, *, pieces: bool = False, endless: bool = False) -> bytes:
    """A PFX whose MAC takes so many rounds, its content in pieces or without lengths as BER allows."""
    mac = der.sequence(der.sequence(der.sequence(der.oid("2.16.840.1.101.3.4.2.1")), der.octets(bytes(32))),
                       der.octets(SALT), der.integer(iterations))  # fmt: skip
    safe = der.sequence()
    held = der.tlv(0x24, der.octets(safe[:1]), der.octets(safe[1:])) if pieces else der.octets(safe)
    content = der.sequence(der.oid("1.2.840.113549.1.7.1"), der.tlv(0xA0, held))
    inner = (der.integer(3), content, mac)
    return b"\x30\x80" + b"".join(inner) + b"\0\0" if endless else der.sequence(*inner)


@pytest.mark.parametrize("iterations", [1, 2048, 10_000])
def test_the_rounds_that_a_file_was_written_with_are_found_and_it_is_opened(pair, iterations, tmp_path):
    path = tmp_path / "store.p12"
    path.write_bytes(store(pair, iterations))
    assert most_iterations(path.read_bytes()) == max(iterations, most_iterations(store(pair, 1)))
    assert read_certificates(str(path), password=PASSWORD).form == "PKCS #12"


@pytest.mark.parametrize("how", [{}, {"pieces": True}, {"endless": True}])
def test_a_file_that_would_take_hours_is_refused_before_anything_is_done(tmp_path, how):
    path = tmp_path / "store.p12"
    path.write_bytes(demanding(2**31 - 1, **how))
    with pytest.raises(InputError, match=r"demands 2,147,483,647 rounds of key derivation") as raised:
        read_certificates(str(path), password=PASSWORD)
    assert str(path) in str(raised.value)
    assert PASSWORD.decode() not in str(raised.value)


def test_rounds_in_the_encryption_of_a_key_count_as_well():
    shrouded = der.sequence(
        der.sequence(
            der.oid("1.2.840.113549.1.12.1.3"), der.sequence(der.octets(SALT), der.integer(MOST_ITERATIONS + 1))
        ),
        der.octets(bytes(64)),
    )
    bag = der.sequence(der.sequence(der.oid("1.2.840.113549.1.12.10.1.2"), der.tlv(0xA0, shrouded)))
    in_pieces = der.tlv(0x24, der.octets(bag[:9]), der.octets(bag[9:]))
    for held in (der.octets(bag), in_pieces):
        assert most_iterations(der.sequence(der.integer(3), der.tlv(0xA0, held))) == MOST_ITERATIONS + 1


def test_the_rounds_of_openssls_own_files_are_found(pair, tmp_path):
    key, certificate = pair
    source, made = tmp_path / "both.pem", tmp_path / "store.p12"
    source.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                       + certificate.public_bytes(Encoding.PEM))  # fmt: skip
    command = ["openssl", "pkcs12", "-export", "-in", source, "-out", made, "-iter", "4321", "-passout", "pass:x"]
    subprocess.run(command, check=True, capture_output=True)
    assert most_iterations(made.read_bytes()) == 4321


def test_nothing_that_is_encrypted_is_taken_for_a_number_of_rounds(pair):
    form = BestAvailableEncryption(PASSWORD)
    for _ in range(8):
        assert most_iterations(pkcs12.serialize_key_and_certificates(b"web", *pair, None, form)) <= 1_000_000


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: demanding(7)[:40] + tail))
def test_whatever_the_bytes_are_it_comes_to_an_end_with_a_number(data):
    assert most_iterations(data) >= 0
