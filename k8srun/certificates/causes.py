"""What can be wrong with a certificate, a key or a TLS connection: the ids that diagnoses name, and their titles."""

from __future__ import annotations

CAUSES: dict[str, str] = {
    # Trust: who signed, and who is believed.
    "wrong-ca-bundle": "The CA that is trusted is not the one that signed the certificate",
    "ca-rebuilt": "The CA was rebuilt under the same name: one side still holds the old one",
    "intermediate-not-sent": "The server does not send the intermediate certificate that links it to the trusted CA",
    "self-signed": "The certificate is self-signed, and nobody was told to trust it",
    "ca-not-configured": "No CA is configured for this connection, so the system's public CAs were used",
    "ca-name-encoding": "The CA's name is spelled alike but encoded differently, so that Go sees two names",
    "leaf-as-ca": "A server's or user's certificate stands where the CA's belongs",
    "ca-cannot-sign": "The CA certificate lacks CA:TRUE or the usage to sign certificates",
    "issuer-mismatch": "A certificate of the chain was not issued by the next one",
    "signature-damaged": "The certificate's signature does not fit its content: it was altered or damaged",
    "weak-signature": "A signature uses SHA-1 or MD5, which clients refuse",
    "weak-key": "A key is too short for the client's security level",
    # Dates.
    "certificate-expired": "The server's certificate has expired",
    "intermediate-expired": "An intermediate certificate has expired",
    "ca-expired": "The CA certificate has expired",
    "certificate-not-yet-valid": "The certificate is not valid yet",
    "process-not-restarted": "The certificate was renewed on disk, but the process still serves the old one",
    "loopback-expired": "The apiserver's in-memory loopback certificate has expired: it has run for a year",
    "clock-skew": "The clock of the side that complains is wrong",
    # Names.
    "san-missing": "The name or address that is used is not in the certificate",
    "wrong-endpoint": "Another server answers at this address",
    "ip-as-dns-name": "The IP address stands in the certificate as a DNS name",
    "kubelet-serving-self-signed": "The kubelet serves with a certificate that it signed itself",
    "no-san": "The certificate has no subject alternative names, and the common name no longer counts",
    "etcd-peer-san-missing": "The etcd peer's certificate does not name the address it connects from",
    # Usages and constraints.
    "key-usage-wrong": "The certificate was issued for another use",
    "ca-usage-wrong": "A CA of the chain may not issue certificates for this use",
    "etcd-client-usage-missing": "etcd's server certificate lacks client authentication, which its gateway needs",
    "name-constraint": "A CA of the chain may not sign for this name",
    "path-length-exceeded": "The chain holds more intermediates than its CA allows",
    "critical-extension": "The certificate holds a critical extension that the client does not know",
    "policy-constraint": "The policies that the chain demands are not in its certificates",
    "strict-verifier": "The client checks more strictly than Kubernetes does",
    # Files and pairs.
    "key-mismatch": "The private key belongs to another certificate",
    "pem-missing": "There is no PEM data where a certificate or key is expected",
    "pem-double-encoded": "The PEM data is base64-encoded once too often",
    "pem-swapped": "Certificate and key are swapped",
    "pem-truncated": "The certificate is truncated or altered",
    "certificate-refused": "The certificate is whole, but breaks a rule that Go's parser holds it to",
    "file-missing": "A file that the configuration names is not there",
    # The client's own certificate.
    "client-certificate-expired": "The client's certificate has expired",
    "client-certificate-not-yet-valid": "The client's certificate is not valid yet",
    "client-certificate-of-another-ca": "The client's certificate was not signed by a CA that the server accepts",
    "client-certificate-not-sent": "The client sends no certificate, and the server demands one",
    "client-certificate-usage": "The client's certificate was not issued for client authentication",
    "front-proxy-name-not-allowed": "The API server's certificate for aggregated APIs has a name that is not allowed",
    "front-proxy-ca-shared": "The CA of the aggregation layer signs clients too",
    "kubelet-client-certificate-expired": "The kubelet's client certificate has expired, and it cannot renew it alone",
    "kubelet-bootstrap-missing": "The kubelet has neither a usable client certificate nor a bootstrap kubeconfig",
    "kubelet-serving-csr-pending": "The kubelet waits for somebody to approve its serving certificate",
    # The connection itself.
    "plain-http": "The server speaks plain HTTP on this port",
    "http-scheme": "The client speaks plain HTTP to a TLS port",
    "proxy-answered": "A proxy or load balancer answers in place of the server",
    "connection-closed": "The connection ends before the handshake: nothing serves TLS behind this address",
    "protocol-version": "Client and server share no TLS version",
}
"""Cause id → the cause in a sentence. Ids are a contract: they appear in `-o json`, in records and in the lab."""
