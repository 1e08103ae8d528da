"""The catalogue's rows on verification: what Go, OpenSSL, Python and curl say of a chain that does not verify.

Within this tuple a more telling row stands before a vaguer one that would match the same line.
"""

from __future__ import annotations

from k8srun.certificates.entries_names import NAME_ENTRIES
from k8srun.certificates.entry import Entry, Party, Stage, openssl, spellings

_CANDIDATE = r' while trying to verify candidate authority certificate "(?P<authority>[^"]*)"'

_TRUST: tuple[Entry, ...] = (
    Entry(
        "x509-leaf-as-ca",
        'x509: certificate signed by unknown authority (possibly because of "x509: invalid signature: parent '
        'certificate cannot sign this kind of certificate" while trying to verify candidate authority certificate …)',
        "A certificate with the issuer's name was found among the trusted ones, but it is no CA certificate.",
        ("leaf-as-ca", "ca-cannot-sign", "ca-rebuilt"),
        spellings(
            r'possibly because of "(?P<hint>(?:x509: )?invalid signature: parent certificate cannot sign[^"]*)"'
            + _CANDIDATE,
            r"invalid signature: parent certificate cannot sign this kind of certificate",
            r"certificate is not authorized to sign other certificates",
            r"\binvalid CA certificate\b|key usage does not include certificate signing",
            r"TrustAnchor with subject [^\n]* is not a CA certificate",
            openssl(32, 79),
        ),
        Party.EITHER,
        Stage.CHAIN,
    ),
    Entry(
        "x509-weak-signature",
        'x509: certificate signed by unknown authority (possibly because of "x509: cannot verify signature: insecure '
        'algorithm SHA1-RSA" while trying to verify candidate authority certificate …)',
        "The certificate is signed with an algorithm that the client no longer accepts, or its key is too short.",
        ("weak-signature", "weak-key"),
        spellings(
            r'possibly because of "(?P<hint>(?:x509: )?cannot verify signature: [^"]*|crypto/rsa: \d+-bit keys[^"]*)"'
            + _CANDIDATE,
            r"cannot verify signature: (?:insecure algorithm \S+|algorithm unimplemented)",
            r"crypto/rsa: \d+-bit keys are insecure",
            r"algorithm constraints check failed|certificates do(?:es)? not conform to algorithm constraints",
            r"(?:CA|EE) (?:certificate )?(?:signature digest algorithm|md|key) too (?:weak|small)",
            r"(?:CA_MD|EE_KEY|CA_KEY)_TOO_(?:WEAK|SMALL)",
            openssl(66, 67, 68),
        ),
        Party.EITHER,
        Stage.CHAIN,
    ),
    Entry(
        "x509-ca-rebuilt",
        'x509: certificate signed by unknown authority (possibly because of "crypto/rsa: verification error" while '
        'trying to verify candidate authority certificate "kubernetes")',
        "A trusted CA has the name of the certificate's issuer, but another key: another CA of the same name.",
        ("ca-rebuilt", "wrong-ca-bundle", "signature-damaged", "wrong-endpoint"),
        spellings(
            r'possibly because of "(?P<hint>[^"]*)"' + _CANDIDATE,
            r"x509: (?:ECDSA|Ed25519) verification failure|crypto/rsa: verification error",
            r"signature algorithm specifies an? \S+ public key, but have public key of type \S+",
            r"\bcertificate signature failure\b|authority and (?:subject key identifier|issuer serial number) mismatch",
            r"subject signature algorithm and issuer public key algorithm mismatch",
            openssl(7, 30, 31, 77),
        ),
        Party.EITHER,
        Stage.CHAIN,
    ),
    Entry(
        "x509-issuer-mismatch",
        "x509: issuer name does not match subject from issuing certificate",
        "Two certificates of the chain do not belong together: the issuer that one names is not the other's subject.",
        ("issuer-mismatch", "intermediate-not-sent"),
        spellings(
            r"issuer name does not match subject from issuing certificate", r"\bsubject issuer mismatch\b", openssl(29)
        ),
        Party.EITHER,
        Stage.CHAIN,
    ),
    Entry(
        "x509-unknown-authority",
        "x509: certificate signed by unknown authority",
        "The certificate was issued by a CA that the side which complains does not trust.",
        (
            "wrong-ca-bundle",
            "ca-rebuilt",
            "self-signed",
            "intermediate-not-sent",
            "ca-not-configured",
            "leaf-as-ca",
            "ca-name-encoding",
            "kubelet-serving-self-signed",
            "wrong-endpoint",
        ),
        spellings(
            r"certificate signed by unknown authority",
            r"(?P<hint>self[- ]signed certificate(?: in certificate chain)?)",
            r"unable to (?:get (?:local )?issuer certificate|verify the first certificate)",
            r"certificate (?:is )?not trusted|certificate is not standards compliant",  # the latter: Go on macOS
            r"UNABLE_TO_(?:VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT)|SELF_SIGNED_CERT(?:_IN_CHAIN)?\b",
            r"unable to find valid certification path|PKIX path building failed",
            r"certificate issuer is not recognized|issued by an authority that is not trusted|SEC_E_UNTRUSTED_ROOT",
            openssl(2, 18, 19, 20, 21, 27),
        ),
        Party.EITHER,
        Stage.CHAIN,
    ),
)

_TIME = r"(?P<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))"
_BOUND = r"(?P<bound>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))"
_EXPIRY_CAUSES = (
    "certificate-expired",
    "process-not-restarted",
    "clock-skew",
    "intermediate-expired",
    "ca-expired",
    "client-certificate-expired",
    "loopback-expired",
)

_DATES: tuple[Entry, ...] = (
    Entry(
        "x509-not-yet-valid",
        "x509: certificate has expired or is not yet valid: current time 2026-02-01T00:00:00Z is before "
        "2026-03-01T00:00:00Z",
        "By the clock of the side that complains, a certificate of the chain is not valid yet.",
        ("clock-skew", "certificate-not-yet-valid", "client-certificate-not-yet-valid"),
        spellings(
            rf"certificate has expired or is not yet valid: current time {_TIME} is before {_BOUND}",
            r"certificate has expired or is not yet valid: current time \S+ is before",
            r"certificate is not yet valid|CERT_NOT_YET_VALID|CertificateNotYetValidException",
            openssl(9),
        ),
        Party.EITHER,
        Stage.DATES,
    ),
    Entry(
        "x509-expired",
        "x509: certificate has expired or is not yet valid: current time 2026-02-01T00:00:00Z is after "
        "2026-01-20T12:34:28Z",
        "By the clock of the side that complains, a certificate of the chain has expired: leaf, intermediate or CA.",
        _EXPIRY_CAUSES,
        spellings(
            rf"certificate has expired or is not yet valid: current time {_TIME} is after {_BOUND}",
            r"certificate has expired or is not yet valid: current time \S+ is after",
            r"certificate has expired(?! or )|CERT_HAS_EXPIRED|CertificateExpiredException",
            openssl(10),
        ),
        Party.EITHER,
        Stage.DATES,
    ),
    Entry(
        "x509-validity",
        "x509: certificate has expired or is not yet valid",
        "By the clock of the side that complains, a certificate of the chain has expired or is not valid yet.",
        (*_EXPIRY_CAUSES, "certificate-not-yet-valid"),
        spellings(
            r"certificate has expired or is not yet valid",
            r"CertPathValidatorException: (?:validity|timestamp) check failed",
        ),
        Party.EITHER,
        Stage.DATES,
    ),
)

_CONSTRAINTS: tuple[Entry, ...] = (
    Entry(
        "x509-ca-usage",
        "x509: a root or intermediate certificate is not authorized for an extended key usage: …",
        "A CA of the chain is limited to other uses than the one its certificate is put to.",
        ("ca-usage-wrong", "key-usage-wrong"),
        spellings(r"not authorized for an extended key usage(?:: (?P<hint>\S+))?"),
        Party.EITHER,
        Stage.USAGE,
    ),
    Entry(
        "x509-key-usage",
        "x509: certificate specifies an incompatible key usage",
        "The certificate, or a CA of its chain, was issued for another use: a client's shown by a server, or so.",
        ("key-usage-wrong", "client-certificate-usage", "etcd-client-usage-missing", "ca-usage-wrong"),
        spellings(
            r"certificate specifies an incompatible key usage",
            r"un(?:supported|suitable) certificate purpose",
            r"extended key usage does not permit use for TLS (?:server|client) authentication",
            openssl(26),
        ),
        Party.EITHER,
        Stage.USAGE,
    ),
    Entry(
        "x509-name-constraint",
        "x509: a root or intermediate certificate is not authorized to sign for this name: …",
        "A CA of the chain may only sign for certain names, and this one is not among them.",
        ("name-constraint",),
        spellings(
            r"a root or intermediate certificate is not authorized to sign for this name(?:: (?P<hint>[^\n]+))?",
            r"issuer has name constraints but leaf (?:doesn't have a SAN|contains unknown or unconstrained name)",
            r"(?:permitted|excluded) subtree violation",
            openssl(47, 48),
        ),
        Party.EITHER,
        Stage.NAME_CONSTRAINTS,
    ),
    Entry(
        "x509-path-length",
        "x509: too many intermediates for path length constraint",
        "A CA of the chain allows fewer intermediates below it than the chain has.",
        ("path-length-exceeded",),
        spellings(
            r"too many intermediates for path length constraint", r"path length constraint exceeded", openssl(25)
        ),
        Party.EITHER,
        Stage.CHAIN,
    ),
    Entry(
        "x509-critical-extension",
        "x509: unhandled critical extension",
        "The certificate holds an extension marked critical that the client does not understand, so it must refuse it.",
        ("critical-extension",),
        spellings(r"unhandled critical extension", openssl(34)),
        Party.EITHER,
        Stage.CRITICAL_EXTENSION,
    ),
    Entry(
        "x509-policy",
        "x509: no valid chains built",
        "Every chain was thrown out by the certificate policies that one of its CAs demands.",
        ("policy-constraint",),
        spellings(r"no valid chains built", r"invalid or inconsistent certificate policy extension", openssl(43)),
        Party.EITHER,
        Stage.POLICY,
    ),
    Entry(
        "x509-strict-verifier",
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Missing Authority Key Identifier",
        "The client (Python 3.13 or later, or OpenSSL in strict mode) demands what Kubernetes' own clients do not.",
        ("strict-verifier",),
        spellings(
            r"missing (?:authority|subject) key identifier",
            r"CA cert does not include key usage extension",
            r"Basic Constraints of CA cert not marked critical",
            openssl(*range(80, 95)),
        ),
        Party.EITHER,
        Stage.CHAIN,
    ),
)

VERIFICATION_ENTRIES: tuple[Entry, ...] = (*_TRUST, *_DATES, *NAME_ENTRIES, *_CONSTRAINTS)
