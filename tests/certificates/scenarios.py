"""Chains with every field mutated, made from a seed.

A scenario starts as a chain that verifies: a root, up to three intermediates, a leaf. Then up to three mutations change
it. What each does is said by its name; `BEYOND` marks the mutations that make what the library cannot read.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from tests.certificates import der
from tests.certificates.model import (
    AKI,
    ALGORITHMS,
    ANY_USAGE,
    BASIC_CONSTRAINTS,
    CLIENT_AUTH,
    EXTENDED_KEY_USAGE,
    FITTING,
    INHIBIT_ANY,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    NOW,
    POLICIES,
    POLICY_CONSTRAINTS,
    POLICY_MAPPINGS,
    SAN,
    SERVER_AUTH,
    SKI,
    Entry,
    Key,
    authority,
    family,
    key,
    leaf,
)

KEYS = [("RSA", 0), ("RSA", 1), ("RSA", 2), ("P-256", 0), ("P-256", 1), ("P-256", 2), ("P-384", 0), ("Ed25519", 0)]
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


@dataclass
class Scenario:
    """A chain, leaf first, and the question. `roots` and `intermediates` are what is handed to the verifier."""

    chain: list[Entry]
    roots: list[Entry]
    intermediates: list[Entry]
    name: str
    usage: str
    now: datetime
    mutations: list[str] = field(default_factory=list)

    @property
    def leaf(self) -> Entry:
        return self.chain[0]

    @property
    def root(self) -> Entry:
        return self.chain[-1]


Mutation = Callable[[random.Random, Scenario], None]
MUTATIONS: dict[str, Mutation] = {}
BEYOND: set[str] = set()


def mutation(function: Mutation) -> Mutation:
    MUTATIONS[function.__name__] = function
    return function


def beyond(function: Mutation) -> Mutation:
    BEYOND.add(function.__name__)
    return mutation(function)


def scenario(seed: int) -> Scenario:
    rng = random.Random(seed)
    made = _valid(rng)
    for name in rng.choices(sorted(MUTATIONS), k=rng.choice((0, 1, 1, 1, 2, 2, 3))):
        MUTATIONS[name](rng, made)
        made.mutations.append(name)
    return made


def _valid(rng: random.Random) -> Scenario:
    pairs = [key(*choice) for choice in rng.sample(KEYS, rng.choice((2, 2, 3, 3, 4, 5)))]
    chain = [authority("kubernetes", pairs[0])]
    for depth, pair in enumerate(pairs[1:-1]):
        chain.insert(0, authority(f"intermediate-{depth}", pair, chain[0]))
    usage = rng.choice(("server", "server", "client"))
    if usage == "server":
        names = (der.dns("kubernetes.default.svc"), der.dns("*.example.com"), der.ip(bytes((10, 0, 0, 1))))
        chain.insert(0, leaf("kube-apiserver", pairs[-1], chain[0], *names))
        host = rng.choice(("kubernetes.default.svc", "api.example.com", "10.0.0.1", ""))
    else:
        end = leaf("kubernetes-admin", pairs[-1], chain[0], usages=(CLIENT_AUTH,))
        end.subject = der.name((der.ORGANIZATION, "kubeadm:cluster-admins"), (der.COMMON_NAME, "kubernetes-admin"))
        chain.insert(0, end)
        host = ""
    return Scenario(chain, [chain[-1]], chain[1:-1], host, usage, NOW)


def _any(rng: random.Random, made: Scenario) -> Entry:
    return rng.choice(made.chain)


def _ca(rng: random.Random, made: Scenario) -> Entry:
    return rng.choice(made.chain[1:])


def _key(rng: random.Random) -> Key:
    return key(*rng.choice(KEYS))


# Dates.


@mutation
def expired(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).not_after = NOW - timedelta(seconds=rng.choice((1, 3600, 10**7)))


@mutation
def not_yet_valid(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).not_before = NOW + timedelta(seconds=rng.choice((1, 3600, 10**8)))


@mutation
def at_the_very_end(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).not_after = NOW
    made.now = NOW + timedelta(microseconds=rng.choice((0, 1, 999_999)))


@mutation
def at_the_very_beginning(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).not_before = NOW
    made.now = NOW - timedelta(microseconds=rng.choice((0, 1)))


@mutation
def far_dates(rng: random.Random, made: Scenario) -> None:
    entry = _any(rng, made)
    entry.not_before = entry.not_before.replace(year=rng.choice((1950, 1999, 2049, 2050)))
    entry.not_after = entry.not_after.replace(year=rng.choice((2049, 2050, 9999)))


@mutation
def another_time_zone(rng: random.Random, made: Scenario) -> None:
    made.now = made.now.astimezone(timezone(timedelta(minutes=rng.choice((-570, 120, 345)))))


# Names of subjects and issuers.


@mutation
def another_string_type_in_the_issuer(rng: random.Random, made: Scenario) -> None:
    position = rng.randrange(len(made.chain) - 1)
    issuer = made.chain[position].issuer
    assert issuer
    common_name = "kubernetes" if issuer is made.root else "intermediate-0"
    made.chain[position].issuer_name = der.name((der.COMMON_NAME, common_name), tag=rng.choice(NAME_TAGS))


@mutation
def another_string_type_throughout(rng: random.Random, made: Scenario) -> None:
    made.root.subject = der.name((der.COMMON_NAME, "kubernetes"), tag=rng.choice(NAME_TAGS))


@mutation
def other_capitals_in_the_issuer(rng: random.Random, made: Scenario) -> None:
    made.chain[-2].issuer_name = der.name((der.COMMON_NAME, "Kubernetes"))


@mutation
def another_subject(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).subject = rng.choice(
        (
            der.sequence(),
            der.name((der.ORGANIZATION, "only organization")),
            der.name((der.UNIT, "only unit")),
            der.name((der.COMMON_NAME, "first"), (der.COMMON_NAME, "last")),
            der.name((der.COMMON_NAME, 'quote " and \\ and \t tab')),
            der.name((der.COMMON_NAME, "bidi \u202e override \u00a0 \U0001f512 ünï")),
            der.name((der.COMMON_NAME, "kubernetes.default.svc")),
            der.name((der.COMMON_NAME, "10.0.0.1")),
            der.name((der.COMMON_NAME, "*.example.com")),
            der.name((der.COMMON_NAME, "kubernetes"), (der.ORGANIZATION, "acme")),
            der.name((der.COMMON_NAME, "x"), ("1.2.840.113549.1.9.1", "ops@example.com"), tag=der.IA5),
            der.sequence(
                der.tlv(
                    der.SET,
                    der.sequence(der.oid(der.ORGANIZATION), der.text("a", der.UTF8)),
                    der.sequence(der.oid(der.ORGANIZATION), der.text("bb", der.UTF8)),
                )
            ),
        )
    )


@beyond
def letters_that_a_printable_string_may_not_hold(rng: random.Random, made: Scenario) -> None:
    name = rng.choice(("system:node:a_b", "ops@example.com", "Acme & Sons"))
    _any(rng, made).subject = der.name((der.COMMON_NAME, name), tag=der.PRINTABLE)


@mutation
def letters_that_an_ia5_string_may_not_hold(rng: random.Random, made: Scenario) -> None:
    name = rng.choice(("bücher", "fine", "ü" * 70))
    _any(rng, made).subject = der.name((der.COMMON_NAME, name), tag=der.IA5)


@beyond
def letters_of_t61(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).subject = der.name((der.COMMON_NAME, "Bücher"), tag=der.T61)


# Subject alternative names and the name that is asked for.


@mutation
def other_names(rng: random.Random, made: Scenario) -> None:
    made.leaf.extend(SAN, der.general_names(*rng.choices(NAMES, k=rng.randrange(1, 5))), rng.choice((None, True)))
    made.name = rng.choice(HOSTS) if made.usage == "server" else ""


@mutation
def another_host(rng: random.Random, made: Scenario) -> None:
    made.name = rng.choice(HOSTS)


@mutation
def names_on_a_ca(rng: random.Random, made: Scenario) -> None:
    _ca(rng, made).extend(SAN, der.general_names(*rng.choices(NAMES, k=rng.randrange(1, 4))))


@mutation
def no_names(rng: random.Random, made: Scenario) -> None:
    made.leaf.extensions.pop(SAN, None)


@mutation
def no_names_but_a_common_name(rng: random.Random, made: Scenario) -> None:
    made.leaf.extensions.pop(SAN, None)
    host = rng.choice(HOSTS)
    made.leaf.subject = der.name((der.COMMON_NAME, host))
    made.name = rng.choice((host, host.upper(), "other.example.com"))


@mutation
def an_empty_list_of_names(rng: random.Random, made: Scenario) -> None:
    made.leaf.extend(SAN, der.general_names(), rng.choice((None, True)))


@mutation
def a_hundred_names(rng: random.Random, made: Scenario) -> None:
    count = rng.choice((99, 100, 101))
    if rng.random() < 0.5:
        names = [der.dns(f"host-{number}.example.org") for number in range(count)]
    else:
        names = [der.ip(bytes((10, 1, 1, number))) for number in range(count)]
    made.leaf.extend(SAN, der.general_names(*names))
    made.name = rng.choice(("10.0.0.1", "host-7.example.org", "absent.example.org"))


@mutation
def names_that_are_not_ascii(rng: random.Random, made: Scenario) -> None:
    made.leaf.extend(
        SAN, der.general_names(rng.choice((der.dns("bücher.example"), der.email("ü@x"), der.uri("http://ü"))))
    )


@beyond
def an_address_of_the_wrong_length(rng: random.Random, made: Scenario) -> None:
    made.leaf.extend(SAN, der.general_names(der.ip(bytes(rng.choice((5, 8, 32))))))


@beyond
def a_uri_that_may_be_read_in_two_ways(rng: random.Random, made: Scenario) -> None:
    uris = (
        "http://user@host/",
        "relative/path",
        "HTTP://upper.example/",
        "http://a:b:c/",
        "http://sp ace/",
        "http://%41/",
        ":",
    )
    made.leaf.extend(SAN, der.general_names(der.dns("kubernetes.default.svc"), der.uri(rng.choice(uris))))


# Usages.


@mutation
def other_extended_usages(rng: random.Random, made: Scenario) -> None:
    choices = (SERVER_AUTH, CLIENT_AUTH, ANY_USAGE, "1.3.6.1.5.5.7.3.3", "1.2.3.4")
    value = der.extended_key_usage(*rng.sample(choices, rng.randrange(1, 4)))
    _any(rng, made).extend(EXTENDED_KEY_USAGE, value, rng.choice((None, True)))


@mutation
def no_extended_usages(rng: random.Random, made: Scenario) -> None:
    made.leaf.extensions.pop(EXTENDED_KEY_USAGE, None)


@mutation
def the_other_usage(rng: random.Random, made: Scenario) -> None:
    made.usage = "client" if made.usage == "server" else "server"


@beyond
def an_empty_list_of_extended_usages(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).extend(EXTENDED_KEY_USAGE, der.extended_key_usage())


@mutation
def other_key_usages(rng: random.Random, made: Scenario) -> None:
    usages = rng.sample(der.KEY_USAGES[:7], rng.randrange(0, 4))
    _any(rng, made).extend(KEY_USAGE, der.key_usage(*usages), rng.choice((None, True)))


@mutation
def no_key_usages(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).extensions.pop(KEY_USAGE, None)


@mutation
def key_agreement_in_one_direction(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).extend(KEY_USAGE, der.key_usage("keyAgreement", rng.choice(("encipherOnly", "decipherOnly"))))


@beyond
def encipher_only_without_key_agreement(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).extend(KEY_USAGE, der.key_usage("keyCertSign", rng.choice(("encipherOnly", "decipherOnly"))))


# Basic constraints.


@mutation
def a_path_length(rng: random.Random, made: Scenario) -> None:
    _ca(rng, made).extend(BASIC_CONSTRAINTS, der.basic_constraints(True, rng.choice((0, 0, 1, 2))), True)


@mutation
def no_basic_constraints(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).extensions.pop(BASIC_CONSTRAINTS, None)


@mutation
def not_a_ca(rng: random.Random, made: Scenario) -> None:
    _ca(rng, made).extend(BASIC_CONSTRAINTS, der.basic_constraints(None), rng.choice((None, True)))


@mutation
def a_ca_as_leaf(rng: random.Random, made: Scenario) -> None:
    made.leaf.extend(BASIC_CONSTRAINTS, der.basic_constraints(True, rng.choice((None, 0))), True)


@beyond
def a_path_length_without_a_ca(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).extend(BASIC_CONSTRAINTS, der.basic_constraints(None, 0), True)


@beyond
def a_default_written_out(rng: random.Random, made: Scenario) -> None:
    if rng.random() < 0.5:
        _any(rng, made).extend(BASIC_CONSTRAINTS, der.basic_constraints(False), True)
    else:
        _any(rng, made).extend("1.2.3.4.5", der.octets(b"x"), False)


# Algorithms, keys, signatures.


@mutation
def another_fitting_algorithm(rng: random.Random, made: Scenario) -> None:
    entry = _any(rng, made)
    entry.algorithm = rng.choice(FITTING[family((entry.issuer or entry).key)])


@mutation
def any_algorithm(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).algorithm = rng.choice(sorted(ALGORITHMS))


@mutation
def sha1(rng: random.Random, made: Scenario) -> None:
    entry = _any(rng, made)
    kind = family((entry.issuer or entry).key)
    entry.algorithm = {"EC": "ECDSA-SHA1"}.get(kind, "SHA1-RSA")


@mutation
def an_inner_algorithm_that_differs(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).inner_algorithm = "SHA512-RSA"


@mutation
def a_damaged_signature(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).damaged = True


@mutation
def signed_by_another_key(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).signer = _key(rng)


@mutation
def an_uncommon_key(rng: random.Random, made: Scenario) -> None:
    entry = _any(rng, made)
    entry.key = key(rng.choice(("P-224", "P-521", "RSA1024", "K-256", "Ed448", "X25519", "DSA")))


@mutation
def the_same_key_everywhere(rng: random.Random, made: Scenario) -> None:
    shared = _key(rng)
    for entry in made.chain:
        entry.key = shared


# Key identifiers.


@mutation
def other_key_identifiers(rng: random.Random, made: Scenario) -> None:
    entry = _any(rng, made)
    value = rng.choice((None, b"", b"other"))
    entry.extend(AKI, der.authority_key_identifier(value))
    if rng.random() < 0.5:
        _ca(rng, made).extend(SKI, der.octets(rng.choice((b"", b"other", b"another"))))


@mutation
def no_key_identifiers(rng: random.Random, made: Scenario) -> None:
    for entry in made.chain:
        entry.extensions.pop(rng.choice((AKI, SKI)), None)


@mutation
def a_critical_key_identifier(rng: random.Random, made: Scenario) -> None:
    entry = _any(rng, made)
    if rng.random() < 0.5:
        entry.extend(SKI, der.octets(b"id"), True)
    else:
        entry.extend(AKI, der.authority_key_identifier(b"id"), True)


# What is trusted and what is sent.


@mutation
def a_rebuilt_ca(rng: random.Random, made: Scenario) -> None:
    rebuilt = authority("kubernetes", _key(rng))
    made.roots = rng.choice(([rebuilt], [rebuilt, made.root], [made.root, rebuilt]))


@mutation
def many_rebuilt_cas(rng: random.Random, made: Scenario) -> None:
    others = [
        authority("kubernetes", _key(rng), serial=100 + number) for number in range(rng.choice((3, 98, 99, 100, 101)))
    ]
    for other in others:
        other.subject = made.root.subject
        if rng.random() < 0.5:
            other.extensions.pop(SKI)
    if rng.random() < 0.5:
        made.chain[-2].extensions.pop(AKI, None)  # nothing tells which of them it is
    made.roots = [*others, made.root] if rng.random() < 0.8 else [made.root, *others]


@mutation
def a_renewed_ca_with_the_same_key(rng: random.Random, made: Scenario) -> None:
    renewed = authority("kubernetes", made.root.key, serial=2)
    renewed.not_after = NOW + timedelta(days=rng.choice((-1, 3650)))
    made.roots.insert(rng.randrange(2), renewed)


@mutation
def a_cross_signed_root(rng: random.Random, made: Scenario) -> None:
    other = authority("other-ca", _key(rng))
    cross = authority("kubernetes", made.root.key, other)
    cross.subject = made.root.subject
    made.intermediates = [*made.intermediates, cross]
    made.roots = rng.choice(([other], [other, made.root], [made.root]))


@mutation
def mutually_cross_signed_roots(rng: random.Random, made: Scenario) -> None:
    other = authority("other-ca", _key(rng))
    made.intermediates = [
        *made.intermediates,
        authority("kubernetes", made.root.key, other),
        authority("other-ca", other.key, made.root),
    ]
    made.roots = rng.choice(([other], [made.root], [], [other, made.root]))


@mutation
def the_root_sent_too(rng: random.Random, made: Scenario) -> None:
    made.intermediates = [*made.intermediates, made.root]


@mutation
def no_roots(rng: random.Random, made: Scenario) -> None:
    made.roots = []


@mutation
def another_root(rng: random.Random, made: Scenario) -> None:
    made.roots = [authority("front-proxy-ca", _key(rng))]


@mutation
def nothing_sent(rng: random.Random, made: Scenario) -> None:
    made.intermediates = []


@mutation
def another_order(rng: random.Random, made: Scenario) -> None:
    made.intermediates = rng.sample(made.intermediates, len(made.intermediates))
    made.roots = rng.sample(made.roots, len(made.roots))


@mutation
def sent_twice(rng: random.Random, made: Scenario) -> None:
    made.intermediates = [*made.intermediates, *made.intermediates, made.leaf]


@mutation
def intermediates_trusted(rng: random.Random, made: Scenario) -> None:
    made.roots = [*made.roots, *made.chain[1:-1]]


@mutation
def the_leaf_trusted(rng: random.Random, made: Scenario) -> None:
    made.roots = rng.choice(([made.leaf], [made.leaf, made.root]))


@mutation
def the_leaf_in_place_of_the_ca(rng: random.Random, made: Scenario) -> None:
    pasted = leaf("kubernetes", _key(rng), None)
    pasted.subject = (made.leaf.issuer or made.leaf).subject
    made.roots = [pasted]


@mutation
def self_signed(rng: random.Random, made: Scenario) -> None:
    made.leaf.issuer = None
    if rng.random() < 0.3:
        made.roots = [made.leaf]


# Versions, serials, extensions.


@mutation
def version_1(rng: random.Random, made: Scenario) -> None:
    entry = _any(rng, made)
    entry.version = 1
    entry.extensions = {}


@beyond
def an_odd_version(rng: random.Random, made: Scenario) -> None:
    entry = _any(rng, made)
    entry.version = rng.choice((2, 4))
    entry.extensions = {} if entry.version == 2 else entry.extensions


@beyond
def version_1_with_extensions(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).version = 1


@mutation
def an_odd_serial(rng: random.Random, made: Scenario) -> None:
    entry = _any(rng, made)
    entry.serial = rng.choice((0, -1, -(2**80), 2**159, 2**200))
    if rng.random() < 0.5:
        entry.subject = der.sequence()


@mutation
def an_unknown_extension(rng: random.Random, made: Scenario) -> None:
    number = rng.choice(("1.2.3.4.5", "2.5.29.99", "1.3.6.1.5.5.7.1.24"))
    value = der.sequence(der.integer(5)) if number.startswith("1.3") else der.octets(b"x")
    _any(rng, made).extend(number, value, rng.choice((None, True, True)))


@mutation
def an_extension_twice(rng: random.Random, made: Scenario) -> None:
    entry = _any(rng, made)
    again = der.extension(KEY_USAGE, der.key_usage("keyCertSign"))
    entry.more_extensions = (again,) if rng.random() < 0.7 else (again, again)


@beyond
def an_unreadable_extension(rng: random.Random, made: Scenario) -> None:
    number = rng.choice((SAN, KEY_USAGE, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, NAME_CONSTRAINTS, AKI, SKI, POLICIES))
    _any(rng, made).extend(number, rng.choice((b"", b"\x05\0", b"\x30\x05\x02")))


@beyond
def trailing_bytes(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).trailing = b"\0"


# Name constraints.


@mutation
def name_constraints(rng: random.Random, made: Scenario) -> None:
    permitted = tuple(rng.choices(CONSTRAINTS, k=rng.randrange(0, 5)))
    excluded = tuple(rng.choices(CONSTRAINTS, k=rng.randrange(0 if permitted else 1, 5)))
    _ca(rng, made).extend(NAME_CONSTRAINTS, der.name_constraints(permitted, excluded), rng.choice((None, True)))


@mutation
def name_constraints_that_fit(rng: random.Random, made: Scenario) -> None:
    permitted = (der.dns("svc"), der.dns("example.com"), der.ip(bytes((10, 0, 0, 0, 255, 0, 0, 0))))
    _ca(rng, made).extend(NAME_CONSTRAINTS, der.name_constraints(permitted), True)


@mutation
def name_constraints_against_other_names(rng: random.Random, made: Scenario) -> None:
    name_constraints(rng, made)
    made.leaf.extend(SAN, der.general_names(*rng.choices(NAMES, k=rng.randrange(1, 4))))
    made.name = ""


@beyond
def an_odd_network_in_a_constraint(rng: random.Random, made: Scenario) -> None:
    network = rng.choice(((10, 0, 0, 5, 255, 0, 0, 0), (10, 0, 0, 0, 255, 0, 255, 0), (10, 0, 0)))
    _ca(rng, made).extend(NAME_CONSTRAINTS, der.name_constraints((der.ip(bytes(network)),)), True)


@beyond
def empty_name_constraints(rng: random.Random, made: Scenario) -> None:
    _ca(rng, made).extend(NAME_CONSTRAINTS, der.name_constraints(), True)


# Policies.


@mutation
def policies(rng: random.Random, made: Scenario) -> None:
    choices = ("2.5.29.32.0", "1.2.3.4", "1.2.3.5")
    for entry in made.chain:
        if rng.random() < 0.8:
            entry.extend(POLICIES, der.policies(*rng.sample(choices, rng.randrange(1, 3))))


@mutation
def policies_demanded(rng: random.Random, made: Scenario) -> None:
    policies(rng, made)
    _any(rng, made).extend(
        POLICY_CONSTRAINTS, der.policy_constraints(rng.choice((0, 0, 1)), rng.choice((None, 0))), True
    )
    if rng.random() < 0.5:
        _any(rng, made).extend(INHIBIT_ANY, der.integer(rng.choice((0, 1))), True)


@mutation
def the_same_policy_twice(rng: random.Random, made: Scenario) -> None:
    _any(rng, made).extend(POLICIES, der.policies("1.2.3.4", "1.2.3.4"))


@beyond
def policies_mapped(rng: random.Random, made: Scenario) -> None:
    policies_demanded(rng, made)
    pair = rng.choice((("1.2.3.4", "1.2.3.5"), ("2.5.29.32.0", "1.2.3.5")))
    _ca(rng, made).extend(POLICY_MAPPINGS, der.policy_mappings(pair), True)
