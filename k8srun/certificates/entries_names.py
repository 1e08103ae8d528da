"""The catalogue's rows on names: what is said of a certificate that does not name the host that was dialled."""

from __future__ import annotations

from k8srun.certificates.entry import Entry, Party, Stage, openssl, spellings

_HOST = r"""['"]?(?P<name>[\w.:*\[\]-]*[\w*\]])['"]?"""
_ODD_HOST = r"(?P<name>[^\n]*)"  # whatever was dialled: Go puts it into its message as it is, empty too
_NAME_CAUSES = ("san-missing", "wrong-endpoint")

NAME_ENTRIES: tuple[Entry, ...] = (
    Entry(
        "x509-no-ip-sans",
        "x509: cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs",
        "The connection goes to an IP address, and the certificate names no IP address at all.",
        ("san-missing", "kubelet-serving-self-signed", "ip-as-dns-name", "wrong-endpoint"),
        spellings(rf"cannot validate certificate for {_HOST} because it doesn't contain any IP SANs"),
        Party.SERVER,
        Stage.NAME,
    ),
    Entry(
        "x509-legacy-common-name",
        "x509: certificate relies on legacy Common Name field, use SANs instead",
        "The certificate carries its host name only in the common name, which Go does not look at.",
        ("no-san",),
        spellings(r"certificate relies on legacy Common Name field"),
        Party.SERVER,
        Stage.NAME,
    ),
    Entry(
        "x509-no-names",
        "x509: certificate is not valid for any names, but wanted to match api.example.com",
        "The certificate holds no subject alternative name of the kind that is needed.",
        ("no-san", "wrong-endpoint"),
        spellings(
            rf"certificate is not valid for any names, but wanted to match {_HOST}",
            rf"certificate is not valid for any names, but wanted to match ?{_ODD_HOST}",
            r"no subject alternative names present",
        ),
        Party.SERVER,
        Stage.NAME,
    ),
    Entry(
        "x509-name-mismatch",
        "x509: certificate is valid for kubernetes, kubernetes.default, 10.96.0.1, not api.example.com",
        "The server's certificate is for other names than the one that the client connects to.",
        (*_NAME_CAUSES, "ip-as-dns-name"),
        spellings(
            rf"certificate is valid for (?P<names>\S[^\n]*?), not {_HOST}",
            rf"certificate is valid for \d+ (?:names|IP SANs), but none matched {_HOST}",
            rf"certificate is valid for (?P<names>\S[^\n]*?), not ?{_ODD_HOST}",
            rf"certificate is valid for \d+ (?:names|IP SANs), but none matched ?{_ODD_HOST}",
            rf"(?:Hostname|IP address) mismatch, certificate is not valid for {_HOST}",
            rf"no alternative certificate subject name matches target (?:host ?name|ipv[46] address) {_HOST}",
            rf"certificate subject name {_HOST} does not match target host name",
            rf"hostname {_HOST} doesn't match(?: either of)? (?P<names>'[^\n]*')",
            r"\b(?:hostname|IP address) mismatch(?=\W*$| \(_ssl|, certificate)",
            r"no subject alternative (?:DNS name|names) matching (?:IP address )?(?P<name>\S+) found",
            r"CertificateException: no name matching (?P<name>\S+) found",
            r"certificate for <(?P<name>[^>]+)> doesn't match [\w ]*subject alternative names: \[(?P<names>[^\]]*)",
            r"hostname (?P<name>\S+) not verified:",
            r"altnames: \W?(?:Host|IP): (?P<name>\S+?)\.? is not in the cert's",
            r"ERR_TLS_CERT_ALTNAME_INVALID|hostname/IP (?:does not|doesn't) match certificate's altnames",
            openssl(62, 64),
        ),
        Party.SERVER,
        Stage.NAME,
    ),
)
