"""The catalogue's rows outside of verification: files and pairs, alerts, client authentication, and what is not TLS."""

from __future__ import annotations

from k8srun.certificates.entry import Entry, Party, Stage, spellings

_CLIENT_CAUSES = (
    "client-certificate-of-another-ca",
    "client-certificate-expired",
    "client-certificate-usage",
    "client-certificate-not-yet-valid",
)
_SERVED_CAUSES = (
    "certificate-expired",
    "wrong-ca-bundle",
    "ca-rebuilt",
    "self-signed",
    "san-missing",
    "key-usage-wrong",
)
_SERVER_LOG = r"(?:TLS handshake error from|rejected (?:stream )?connection|remote-addr)[^\n]*?"

_FILES: tuple[Entry, ...] = (
    Entry(
        "tls-key-mismatch",
        "tls: private key does not match public key",
        "The private key and the certificate that are configured together are not a pair.",
        ("key-mismatch",),
        spellings(
            r"private key does not match public key",
            r"private key type does not match public key type",
            r"KEY_VALUES_MISMATCH|key values mismatch|KEY_TYPE_MISMATCH|key type mismatch",
        ),
        Party.EITHER,
        Stage.FILES,
    ),
    Entry(
        "tls-swapped-pem",
        "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may "
        "have been switched",
        "A certificate was given where the key belongs, or the reverse.",
        ("pem-swapped",),
        spellings(
            r"PEM inputs may have been switched",
            r"found a certificate rather than a key",
            r"did find a private key",
            r"in key input after skipping PEM blocks of the following types: \[CERTIFICATE",
        ),
        Party.EITHER,
        Stage.FILES,
    ),
    Entry(
        "tls-no-pem",
        "tls: failed to find any PEM data in certificate input",
        "What was configured as a certificate or key holds no PEM data.",
        ("pem-double-encoded", "pem-missing", "file-missing"),
        spellings(
            r"failed to find any PEM data in (?:certificate|key) input|input after skipping PEM blocks of",
            r"error setting certificate verify locations|unable to set private key file",
            r"unable to (?:parse bytes as PEM block|load root certificates)",
            r"data does not contain any valid (?:RSA or ECDSA )?(?:certificates?|private keys?)",
            r"(?:PEM_read_bio|PEM routines)[^\n]*no start line|\bPEM lib\b|NO_CERTIFICATE_OR_CRL_FOUND",
            r"^(?![^\n]*cannot be handled as)[^\n]*illegal base64 data at input byte",  # not that of a manifest
            r"(?:unable to read|open) (?P<file>\S+\.(?:crt|key|pem|cert))[^\n]*no such file or directory",
            r"stat (?P<file>\S+\.(?:crt|key|pem|cert)): no such file",
        ),
        Party.EITHER,
        Stage.FILES,
    ),
    Entry(
        "x509-refused",
        "x509: negative serial number",
        "The certificate can be read, but holds something that Go's parser does not accept; openssl may accept it.",
        ("certificate-refused", "pem-truncated"),
        spellings(
            r"x509: invalid (?!signature: parent|certificate)[^\n]*",
            r"x509: (?:negative serial|serial number |zero or negative|inner and outer signature algorithm)[^\n]*",
            r"x509: (?:unsupported elliptic curve|RSA (?:modulus|public exponent)|SAN \S+ is malformed)[^\n]*",
            r"x509: (?:certificate contains duplicate extension|cannot parse (?:IP address of|URI))[^\n]*",
            r"x509: (?:failed to parse \S+ constraint|[a-z ]+ incorrectly marked critical)[^\n]*",
            r"x509: (?:RSA key missing|(?:wrong )?Ed25519 (?:public )?key|unknown public key algorithm)[^\n]*",
            r"x509: (?:empty name constraints|IP constraint contained|policy constraints \w+ field)[^\n]*",
            r"\bP\d{3} point not on curve|\binvalid P\d{3} point encoding",
            r"sent certificate containing RSA key larger than \d+ bits",
        ),
        Party.EITHER,
        Stage.FILES,
    ),
    Entry(
        "x509-malformed",
        "x509: malformed certificate",
        "The bytes are not a whole certificate: they were truncated or altered.",
        ("pem-truncated", "certificate-refused"),
        spellings(
            r"x509: (?:malformed|trailing data)[^\n]*",
            r"asn1: (?:structure error|syntax error)|tls: failed to parse private key",
            r"\bbad end line\b|\bbad base64 decode\b|nested asn1 error",
        ),
        Party.EITHER,
        Stage.FILES,
    ),
)

_CLIENT: tuple[Entry, ...] = (
    # Before the row that tells every refusal of a client.
    Entry(
        "front-proxy-rejected",
        "x509: subject with cn=aggregator is not in the allowed list",
        "A certificate of the aggregation layer's CA was shown that does not have one of the names that are allowed.",
        ("front-proxy-name-not-allowed", "front-proxy-ca-shared"),
        spellings(r"x509: subject with cn=(?P<name>[^\n\"\]]{0,300}?) is not in the allowed list"),
        Party.CLIENT,
        Stage.PEER,
    ),
    Entry(
        "x509-client-rejected",
        "Unable to authenticate the request: [x509: …, verifying certificate SN=…, SKID=…, AKID=… failed: x509: …]",
        "The apiserver could not verify the client's certificate. It answers 401; the handshake does not fail.",
        (*_CLIENT_CAUSES, "clock-skew"),
        spellings(
            r"verifying certificate SN=(?P<serial>\d+), SKID=(?P<ski>[0-9A-F:]*), AKID=(?P<aki>[0-9A-F:]*) failed",
            r"Unable to authenticate the request[^\n]*x509:",
        ),
        Party.CLIENT,
        Stage.PEER,
    ),
    Entry(
        "kubelet-bootstrap",
        "part of the existing bootstrap client certificate in /etc/kubernetes/kubelet.conf is expired",
        "The kubelet's own client certificate is no longer usable, and it has nothing to ask for a new one with.",
        ("kubelet-client-certificate-expired", "kubelet-bootstrap-missing"),
        spellings(
            r"existing bootstrap client certificate in (?P<file>\S+) is expired(?:: (?P<bound>[\d:.TZ +-]+))?",
            r"unable to load bootstrap kubeconfig: (?:stat )?(?P<file>\S+?): no such file",
            r"(?:stat|open) (?P<file>\S*bootstrap-kubelet\.conf): no such file",
        ),
        Party.CLIENT,
        Stage.FILES,
    ),
    Entry(
        "tls-client-certificate-required",
        "remote error: tls: certificate required",
        "The server demands a client certificate, and the client sent none.",
        ("client-certificate-not-sent", "client-certificate-of-another-ca"),
        spellings(
            r"(?:tls|alert):? certificate[ _]required",
            r"client didn't provide a certificate",
            r"PEER_DID_NOT_RETURN_A_CERTIFICATE|peer did not return a certificate",
        ),
        Party.CLIENT,
        Stage.PEER,
    ),
    Entry(
        "tls-unknown-authority-alert",
        "remote error: tls: unknown certificate authority",
        "The other side does not trust the CA that issued the certificate which this side sent.",
        ("client-certificate-of-another-ca", "wrong-ca-bundle", "ca-rebuilt", "self-signed"),
        spellings(r"tls: unknown certificate authority", r"alert:? unknown[ _]ca\b|ALERT_UNKNOWN_CA"),
        Party.EITHER,
        Stage.PEER,
    ),
    Entry(
        "tls-expired-alert",
        "remote error: tls: expired certificate",
        "The other side finds that the certificate which this side sent has expired.",
        ("client-certificate-expired", "certificate-expired", "clock-skew"),
        spellings(r"tls: expired certificate", r"alert:? certificate[ _]expired|ALERT_CERTIFICATE_EXPIRED"),
        Party.EITHER,
        Stage.PEER,
    ),
    Entry(
        "tls-bad-certificate-in-server",
        "http: TLS handshake error from 10.0.0.7:51234: remote error: tls: bad certificate",
        "A client refused the certificate that this server serves. Expiry, CA and names look the same from here.",
        _SERVED_CAUSES,
        spellings(
            _SERVER_LOG
            + r"(?P<core>(?:remote error: )?tls: (?:bad|unknown|unsupported|revoked) certificate|alert bad certificate)"
        ),
        Party.SERVER,
        Stage.PEER,
    ),
    Entry(
        "tls-bad-certificate",
        "remote error: tls: bad certificate",
        "The server refused the certificate that this client sent.",
        _CLIENT_CAUSES,
        spellings(
            r"tls: (?:bad|unknown|unsupported|revoked) certificate",
            r"alert:? (?:bad[ _]certificate|certificate[ _]unknown|unsupported[ _]certificate)",
            r"ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE)",
        ),
        Party.CLIENT,
        Stage.PEER,
    ),
    Entry(
        "tls-handshake-failure",
        "remote error: tls: handshake failure",
        "The server ended the handshake without saying why; under TLS 1.2 mostly for want of a client certificate.",
        ("client-certificate-not-sent", "client-certificate-of-another-ca", "protocol-version"),
        spellings(r"tls: handshake failure", r"alert:? handshake[ _]failure|ALERT_HANDSHAKE_FAILURE"),
        Party.CLIENT,
        Stage.PEER,
    ),
    Entry(
        "tls-kubelet-no-certificate",
        "remote error: tls: internal error (port 10250; kubelet: no serving certificate available for the kubelet)",
        "The kubelet has no serving certificate yet: its request waits for an approval that nobody gives by itself.",
        ("kubelet-serving-csr-pending",),
        spellings(
            r"no serving certificate available for the kubelet",
            r"remote error: tls: internal error|alert:? internal[ _]error|ALERT_INTERNAL_ERROR",
        ),
        Party.SERVER,
        Stage.CONNECTION,
    ),
    Entry(
        "etcd-peer-names",
        'rejected connection: "10.0.0.2" does not match any of DNSNames ["etcd-1"]',
        "An etcd member was refused by its peer: its certificate does not name the address it comes from.",
        ("etcd-peer-san-missing",),
        spellings(r'"(?P<name>[^"]+)" does not match any of DNSNames(?: \[(?P<names>[^\]]*)\])?'),
        Party.CLIENT,
        Stage.PEER,
    ),
)

_NOT_TLS: tuple[Entry, ...] = (
    Entry(
        "tls-plain-http",
        "http: server gave HTTP response to HTTPS client",
        "The client speaks TLS, and what answers does not.",
        ("plain-http", "proxy-answered", "wrong-endpoint"),
        spellings(
            r"server gave HTTP response to HTTPS client",
            r"first record does not look like a TLS handshake|unsupported or unrecognized SSL message",
            r"WRONG_VERSION_NUMBER|:\s?wrong version number\b|packet length too long|SSL: HTTP_REQUEST\]",
        ),
        Party.NONE,
        Stage.CONNECTION,
    ),
    Entry(
        "tls-http-scheme",
        "Client sent an HTTP request to an HTTPS server.",
        "The client speaks plain HTTP to a port that expects TLS.",
        ("http-scheme",),
        spellings(
            r"Client sent an HTTP request to an HTTPS server",
            r"plain HTTP request was sent to HTTPS port",
            r"malformed HTTP response \"\\x15\\x03",
        ),
        Party.NONE,
        Stage.CONNECTION,
    ),
    Entry(
        "tls-protocol-version",
        "remote error: tls: protocol version not supported",
        "Client and server have no TLS version in common.",
        ("protocol-version", "proxy-answered"),
        spellings(
            r"protocol version not supported|server selected unsupported protocol version",
            r"(?:routines|_ssl)[^\n]*unsupported protocol\b|alert:? protocol[ _]version|no supported versions satisfy",
            r"UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION|NO_PROTOCOLS_AVAILABLE",
            r"client offered only unsupported versions|NO_SHARED_CIPHER|no cipher suite supported by both",
        ),
        Party.NONE,
        Stage.CONNECTION,
    ),
    Entry(
        "kubectl-unauthorized",
        "error: You must be logged in to the server (Unauthorized)",
        "The apiserver answered 401: it does not accept the credential. An expired client certificate looks like this.",
        _CLIENT_CAUSES,
        spellings(
            r"You must be logged in to the server",
            r"(?:error|reason|message|server)[^\n]{0,40}\bUnauthorized\b|^\s*Unauthorized\b|\b401 Unauthorized\b",
            r"the server has asked for the client to provide credentials",
        ),
        Party.CLIENT,
        Stage.PEER,
        generic=True,
    ),
    Entry(
        "tls-closed",
        'Get "https://10.0.0.1:6443/api": EOF',
        "The connection ended, or never came about, before TLS was established.",
        ("connection-closed", "proxy-answered", "plain-http"),
        spellings(
            r"(?:handshake|https://|Unable to connect to the server)[^\n]*\bEOF\b|^\s*EOF\s*$",
            r"UNEXPECTED_EOF_WHILE_READING|unexpected eof while reading",
            r"remote host (?:terminated the|closed connection during) handshake",
            r"SSL_ERROR_SYSCALL|EOF occurred in violation of protocol",
        ),
        Party.NONE,
        Stage.CONNECTION,
        generic=True,
    ),
)

CONNECTION_ENTRIES: tuple[Entry, ...] = (*_FILES, *_CLIENT, *_NOT_TLS)
