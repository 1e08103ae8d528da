"""The TLS of a lab's API server: whose handshakes it takes, and who has come."""

from __future__ import annotations

import contextlib
import socket
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL

from k8srun.errors import InputError
from k8srun.lab.api import User
from k8srun.lab.catalogue import Serve
from k8srun.lab.node import PKI

# Serve → the lowest and the highest version of TLS.
_VERSIONS = {
    "tls-1.1": (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION),
    "mutual-tls-1.2": (SSL.TLS1_2_VERSION, SSL.TLS1_2_VERSION),
}
_HANDSHAKE = b"\x16"  # the type of a TLS record that begins a handshake; no HTTP method begins with it


def is_tls(connection: socket.socket) -> bool:
    """Whether the client begins a handshake, or has not said anything; what it sent stays to be read."""
    return connection.recv(1, socket.MSG_PEEK) in {_HANDSHAKE, b""}


class Tls:
    """The TLS of kube-apiserver: it asks for a client certificate, takes any, and judges it after the handshake.

    Args:
        node_root: of the node that it runs on.
        held: the certificate and key that the process holds in memory; it is served in place of what lies on the node.
        now: the lab's time.
        mode: what differs from kube-apiserver's own TLS.

    Raises:
        InputError: no server would start with these files.
    """

    def __init__(self, node_root: Path, held: Path, now: datetime, mode: Serve) -> None:
        pki = node_root / PKI.lstrip("/")
        certificate, key = (held, held) if held.is_file() else (pki / "apiserver.crt", pki / "apiserver.key")
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        lowest, highest = _VERSIONS.get(mode, (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION))
        context.set_min_proto_version(lowest)
        context.set_max_proto_version(highest)
        # The lab serves weak keys and old versions on purpose.
        context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET)
        self._now = now
        try:
            context.use_certificate_chain_file(str(certificate))
            context.use_privatekey_file(str(key))
            context.check_privatekey()
            self._client_ca = _load(pki / "ca.crt")
            context.add_client_ca(self._client_ca)
            context.add_client_ca(_load(pki / "front-proxy-ca.crt"))
        except (SSL.Error, OSError, ValueError) as error:
            raise InputError(
                f"no API server would start with these files: {error}", where=str(pki), do="Build the lab anew."
            ) from error
        demanded = SSL.VERIFY_FAIL_IF_NO_PEER_CERT if mode.startswith("mutual-tls") else 0
        context.set_verify(SSL.VERIFY_PEER | demanded, lambda *_: True)
        self._context = context

    def accept(self, connection: socket.socket) -> tuple[SSL.Connection, User | None]:
        """The handshake, and who came: None when the client's certificate is not to be believed."""
        stream = SSL.Connection(self._context, connection)
        stream.set_accept_state()
        try:
            stream.do_handshake()
        except SSL.Error:
            _hear_out(connection)
            raise
        certificate = stream.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            return stream, User()
        return stream, _user(certificate) if self._believes(certificate) else None

    def _believes(self, certificate: x509.Certificate) -> bool:
        if not certificate.not_valid_before_utc <= self._now <= certificate.not_valid_after_utc:
            return False
        if not _is_for_clients(certificate):
            return False
        try:
            certificate.verify_directly_issued_by(self._client_ca)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _user(certificate: x509.Certificate) -> User:
    """CN is the name, O are the groups."""

    def values(oid: x509.ObjectIdentifier) -> list[str]:
        return [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(oid)]

    groups = (*values(NameOID.ORGANIZATION_NAME), "system:authenticated")
    return User("".join(values(NameOID.COMMON_NAME)), groups)


def _is_for_clients(certificate: x509.Certificate) -> bool:
    """Without extended key usages a certificate is good for any use."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in usages


def _hear_out(connection: socket.socket) -> None:
    """Read what a client still sends: to hang up at once would reset the connection, and the alert with it."""
    with contextlib.suppress(OSError):  # the client may be gone
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
