"""Private keys as files hold them: which are taken for keys, and that nothing but their public half is kept."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from k8srun.pem import public_key_sha256, read_pem
from tests.certificates import der


@dataclass(frozen=True)
class Numbers:
    """An RSA key of which every number can be changed."""

    p: int
    q: int
    d: int
    dmp1: int
    dmq1: int
    iqmp: int
    n: int
    e: int

    def pem(self) -> bytes:
        """PKCS #1, as openssl and kubeadm write it, whatever the numbers are."""
        numbers = (0, self.n, self.e, self.d, self.p, self.q, self.dmp1, self.dmq1, self.iqmp)
        body = base64.encodebytes(der.sequence(*map(der.integer, numbers))).decode()
        return f"-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\n".encode()


@pytest.fixture(scope="module")
def whole():
    key = rsa.generate_private_key(65537, 2048)
    own = key.private_numbers()
    public = own.public_numbers
    return key, Numbers(own.p, own.q, own.d, own.dmp1, own.dmq1, own.iqmp, public.n, public.e)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_rsa_key_leaves_its_type_and_the_hash_of_its_public_half(whole, form):
    key, numbers = whole
    pem = key.private_bytes(Encoding.PEM, form, NoEncryption())
    (block,) = read_pem(pem)
    assert read_pem(numbers.pem())[0].public_key_sha256 == block.public_key_sha256
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert (block.key_type, block.public_key_sha256, block.error) == ("RSA 2048", public_key_sha256(spki), "")
    assert block.der == b""


@pytest.mark.parametrize("name", ["p", "q", "d", "dmp1", "dmq1", "iqmp", "n"])
def test_an_rsa_key_one_of_whose_numbers_was_altered_is_none(whole, name):
    _, numbers = whole
    altered = replace(numbers, **{name: getattr(numbers, name) + 2})
    (block,) = read_pem(altered.pem())
    assert (block.public_key_sha256, block.key_type) == ("", "")
    assert block.error == "malformed or unsupported private key"


def test_an_rsa_key_whose_exponents_are_each_others_no_more_is_none(whole):
    _, numbers = whole
    (block,) = read_pem(replace(numbers, e=3).pem())
    assert block.error == "malformed or unsupported private key"
