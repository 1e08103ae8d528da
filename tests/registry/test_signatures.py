"""Signatures of images in a real registry, which has no referrers API, and what a public key says of them."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from k8srun.errors import InputError
from k8srun.sources.registry.artifacts import read_contents
from k8srun.sources.registry.pull import ANONYMOUS, Target
from k8srun.sources.registry.wire import Unanswered, Wire
from k8srun.workloads.signatures import judge, read_public_key, simple_signing
from tests.registry.server import INDEX, MANIFEST, digest_of
from tests.sources.servers import raw_server

SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


def public(key):
    return read_public_key(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), where="k")


def payload_of(digest):
    image = {"docker-manifest-digest": digest}
    critical = {
        "identity": {"docker-reference": "team/app"},
        "image": image,
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def signed(key, content):
    return base64.b64encode(key.sign(content, ec.ECDSA(hashes.SHA256()))).decode()


def push_with_layer(registry, repository, reference, content, media_type, *, annotations=None):
    config = registry.push_blob(repository, b"{}")
    layer = {"mediaType": media_type, **registry.push_blob(repository, content), "annotations": annotations or {}}
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
        "layers": [layer],
    }
    return registry.push_manifest(repository, reference, document)


def sign_by_tag(registry, repository, digest, key, payload=b""):
    payload = payload or payload_of(digest)
    annotations = {"dev.cosignproject.cosign/signature": signed(key, payload)}
    push_with_layer(registry, repository, f"{digest.replace(':', '-')}.sig", payload, SIMPLE, annotations=annotations)


def sign_by_referrer(registry, repository, digest, key):
    subject = [{"digest": {"sha256": digest.removeprefix("sha256:")}}]
    statement = json.dumps({"_type": "https://in-toto.io/Statement/v1", "subject": subject}).encode()
    kind = "application/vnd.in-toto+json"
    encoded = f"DSSEv1 {len(kind)} {kind} {len(statement)} ".encode() + statement
    envelope = {
        "payload": base64.b64encode(statement).decode(),
        "payloadType": kind,
        "signatures": [{"sig": signed(key, encoded)}],
    }
    content = json.dumps({"mediaType": BUNDLE, "dsseEnvelope": envelope}).encode()
    of = push_with_layer(registry, repository, "", content, BUNDLE)
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [{"mediaType": MANIFEST, "digest": of, "size": 1, "artifactType": BUNDLE}],
    }
    registry.push_manifest(repository, digest.replace(":", "-"), index)


@pytest.fixture
def registry(registries):
    return registries.open


def contents(registry, repository):
    return read_contents(Target(registry.host, repository, "1.0"), ANONYMOUS, Wire(plain_http=True))


@pytest.mark.live
def test_an_image_without_signatures_says_where_they_were_looked_for(registry):
    digest = registry.push_image("sig/none", "1.0")
    found = contents(registry, "sig/none")
    assert (found.digest, found.signatures) == (digest, ())
    assert [line.rpartition(": ")[2] for line in found.searched] == ["none", "not served", "none"]


@pytest.mark.live
@pytest.mark.parametrize("sign", [sign_by_tag, sign_by_referrer])
def test_a_signature_is_found_and_verified_with_the_right_key_only(registry, sign):
    repository = f"sig/{sign.__name__.replace('_', '-')}"
    digest = registry.push_image(repository, "1.0")
    sign(registry, repository, digest, KEY)
    (signature,) = contents(registry, repository).signatures
    assert judge(signature, digest, public(KEY)).valid is True
    assert judge(signature, digest, public(OTHER)).valid is False
    assert judge(signature, digest, None).valid is None


@pytest.mark.live
def test_a_signature_that_was_copied_from_another_image_is_not_valid(registry):
    other = registry.push_image("sig/copied", "other", content=b"other")
    digest = registry.push_image("sig/copied", "1.0")
    sign_by_tag(registry, "sig/copied", digest, KEY, payload_of(other))
    (signature,) = contents(registry, "sig/copied").signatures
    verdict = judge(signature, digest, public(KEY))
    assert verdict.valid is False
    assert "copied" in verdict.reason


def routed(answers):
    """A registry that answers these paths (a part of the path → the body) and 404 to the rest."""

    def handler(connection):
        path = connection.recv(65536).split(b" ")[1].decode()
        body = next((body for part, body in answers.items() if part in path), None)
        status, content = ("404 Not Found", b"{}") if body is None else ("200 OK", body)
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + content)

    return raw_server(handler)


def test_a_registry_with_the_referrers_api_is_asked_by_it():
    image = json.dumps({"mediaType": MANIFEST, "layers": []}).encode()
    payload = payload_of(digest_of(image))
    annotations = {"dev.cosignproject.cosign/signature": signed(KEY, payload)}
    layer = {"mediaType": SIMPLE, "digest": digest_of(payload), "annotations": annotations}
    signature = json.dumps({"mediaType": MANIFEST, "layers": [layer]}).encode()
    index = json.dumps({"manifests": [{"digest": digest_of(signature)}]}).encode()
    answers = {
        "/manifests/1.0": image,
        "/referrers/": index,
        f"/manifests/{digest_of(signature)}": signature,
        f"/blobs/{digest_of(payload)}": payload,
    }
    with routed(answers) as (host, port):
        found = read_contents(Target(f"{host}:{port}", "team/app", "1.0"), ANONYMOUS, Wire(plain_http=True))
    assert found.searched[1] == "referrers API: answers"
    assert judge(found.signatures[0], found.digest, public(KEY)).valid is True


def test_a_blob_that_is_not_what_its_digest_says_is_refused():
    layer = {"mediaType": SIMPLE, "digest": digest_of(b"other"), "annotations": {}}
    answers = {
        "/manifests/1.0": b"{}",
        ".sig": json.dumps({"layers": [layer]}).encode(),
        "/blobs/": b"forged",
    }
    with routed(answers) as (host, port), pytest.raises(Unanswered, match="not what its digest says"):
        read_contents(Target(f"{host}:{port}", "team/app", "1.0"), ANONYMOUS, Wire(plain_http=True))


@pytest.mark.live
def test_the_platforms_of_an_index_are_listed_by_their_digests(registry):
    digest = registry.push_image("sig/index", "amd64")
    platform = {"os": "linux", "architecture": "amd64"}
    entry = {"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": platform}
    index = registry.push_manifest("sig/index", "1.0", {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})
    found = contents(registry, "sig/index")
    assert (found.digest, found.platforms) == (index, {"linux/amd64": digest})


DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize("kind", ["p384", "rsa", "ed25519"])
def test_other_kinds_of_keys_are_verified_too(kind):
    payload = payload_of(DIGEST)
    if kind == "p384":
        key = ec.generate_private_key(ec.SECP384R1())
        signature = key.sign(payload, ec.ECDSA(hashes.SHA384()))
    elif kind == "rsa":
        key = rsa.generate_private_key(65537, 2048)
        signature = key.sign(payload, padding.PKCS1v15(), hashes.SHA256())
    else:
        key = ed25519.Ed25519PrivateKey.generate()
        signature = key.sign(payload)
    found = simple_signing("tag", payload, base64.b64encode(signature).decode())
    assert judge(found, DIGEST, public(key)).valid is True
    altered = simple_signing("tag", payload + b" ", base64.b64encode(signature).decode())
    assert judge(altered, DIGEST, public(key)).valid is False


@pytest.mark.parametrize(("payload", "encoded"), [(b"{}", "AA=="), (b"not json", "AA=="), (payload_of(DIGEST), "%%%")])
def test_a_signature_that_cannot_be_read_is_not_valid_and_says_why(payload, encoded):
    verdict = judge(simple_signing("tag", payload, encoded), DIGEST, public(KEY))
    assert verdict.valid is False
    assert "cannot be read" in verdict.reason


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_file_that_holds_no_public_key_is_refused_by_its_name(pem):
    with pytest.raises(InputError, match=r"cosign\.pub: not a PEM public key"):
        read_public_key(pem, where="cosign.pub")
