"""Names, addresses and constraints to choose from."""

from __future__ import annotations

from tests.certificates import der

HOSTS = [
    "kubernetes.default.svc",
    "KUBERNETES.default.svc",
    "kubernetes.default.svc.",
    "kubernetes",
    "api.example.com",
    "a.b.example.com",
    "example.com",
    "my_host.example.com",
    "xn--bcher-kva.example",
    "bücher.example",
    "10.0.0.1",
    "[10.0.0.1]",
    "10.0.0.2",
    "::1",
    "[::1]",
    "[fe80::1]",
    "fe80::1%eth0",
    "::ffff:10.0.0.1",
    "[kubernetes]",
    "*.example.com",
    "*",
    ".",
    "..",
    "a..b",
    "-bad.example.com",
    "under_score",
    "host name",
    "localhost",
]
NAMES = [
    *(der.dns(host) for host in HOSTS if host.isascii()),
    der.dns("*.example.com"),
    der.dns("*.EXAMPLE.com"),
    der.dns("a.*.example.com"),
    der.dns("w*.example.com"),
    der.dns("*.*.example.com"),
    der.dns("api.example.com."),
    der.dns(""),
    der.dns("a" * 70 + ".example.com"),
    der.dns('quo"te\\.example.com'),
    der.dns("tab\there"),
    der.ip(bytes((10, 0, 0, 1))),
    der.ip(bytes((10, 96, 0, 1))),
    der.ip(bytes((192, 168, 1, 10))),
    der.ip(bytes(15) + b"\x01"),
    der.ip(bytes(10) + b"\xff\xff" + bytes((10, 0, 0, 1))),
    der.ip(bytes.fromhex("20010db8000000000000000000000001")),
    der.uri("spiffe://cluster.local/ns/shop/sa/web"),
    der.uri("https://api.example.com:6443/path?query#fragment"),
    der.uri("https://API.Example.com:6443/"),
    der.uri("https://[::1]:6443/"),
    der.uri("https://[::1]/"),
    der.uri("https://10.0.0.1/"),
    der.uri("https://10.0.0.1:6443/"),
    der.uri("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    der.uri("spiffe:///no/host"),
    der.uri("https://trailing.example.com./"),
    der.uri("https://a..b/"),
    der.email("ops@example.com"),
    der.email("Ops@Sub.Example.com"),
    der.email('"quoted local"@example.com'),
    der.email("no-at-sign"),
    der.email("two..dots@example.com"),
    der.email("a@b@example.com"),
    der.email("o'ps+x@example.org"),
    der.email("x@"),
    der.other_name(),
    der.directory_name(der.name((der.COMMON_NAME, "directory"))),
]
CONSTRAINTS = [
    *(
        der.dns(name)
        for name in ("example.com", ".example.com", "com", "svc", "kubernetes.default.svc", "", "EXAMPLE.com")
    ),
    *(
        der.dns(name)
        for name in ("b.example.com", "api.example.com", "default.svc", "a-b.example.com", "bad..name", "x.")
    ),
    *(der.ip(bytes(parts)) for parts in ((10, 0, 0, 0, 255, 0, 0, 0), (10, 0, 0, 0, 255, 255, 0, 0), (0,) * 8)),
    *(der.ip(bytes(parts)) for parts in ((10, 0, 0, 1, 255, 255, 255, 255), (192, 168, 0, 0, 255, 255, 0, 0))),
    der.ip(bytes(32)),
    der.ip(bytes(15) + b"\x01" + b"\xff" * 16),
    der.ip(bytes(10) + b"\xff\xff" + bytes((10, 0, 0, 0)) + b"\xff" * 13 + bytes(3)),
    *(
        der.email(name)
        for name in ("example.com", ".example.com", "ops@example.com", "Ops@sub.example.com", "", "a@b@c")
    ),
    *(der.uri(name) for name in ("example.com", ".example.com", "cluster.local", "", "10.0.0.1", "api.example.com")),
    der.directory_name(der.name((der.COMMON_NAME, "directory"))),
]
NAME_TAGS = [der.UTF8, der.PRINTABLE, der.IA5, der.T61, der.BMP]
